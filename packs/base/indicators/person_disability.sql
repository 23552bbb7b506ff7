-- The latest entry of each person in the register of disabled persons, and whether it says something new.
SELECT
  person_id,
  grade AS disability_grade,
  status = 'valid'
  AND (valid_until IS NULL OR valid_until >= :disability_register_through) AS disability_valid,
  kind IN ('intellectual', 'mental') AS disability_mental,
  :disability_register_through - recorded_on AS disability_days,
  lead(grade) OVER entries IS NULL
  OR lead(grade) OVER entries <> grade
  OR lead(kind) OVER entries <> kind AS disability_changed
FROM disability_register
WHERE recorded_on <= :disability_register_through
WINDOW entries AS (PARTITION BY person_id ORDER BY recorded_on DESC)
QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY recorded_on DESC) = 1
