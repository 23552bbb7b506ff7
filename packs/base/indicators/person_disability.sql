-- The latest entry of each person in the register of disabled persons, and whether it says something new.
-- Where a delivery is missing, it may not be the latest: unknown.
SELECT
  person_id,
  CASE WHEN :disability_register_unbroken THEN grade END AS disability_grade,
  CASE
    WHEN :disability_register_unbroken
      THEN status = 'valid'
        AND (valid_until IS NULL OR valid_until >= :disability_register_through)
  END AS disability_valid,
  kind IN ('intellectual', 'mental') AS disability_mental,
  :disability_register_through - recorded_on AS disability_days,
  CASE
    WHEN :disability_register_unbroken
      THEN lead(grade) OVER entries IS NULL
        OR lead(grade) OVER entries <> grade
        OR lead(kind) OVER entries <> kind
  END AS disability_changed
FROM disability_register
WHERE recorded_on <= :disability_register_through
WINDOW entries AS (PARTITION BY person_id ORDER BY recorded_on DESC)
QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY recorded_on DESC) = 1
