-- Whether the member who earned most was lost to work within 12 months: by death, by an accident or crime
-- that killed or disabled, or by a first entry as severely disabled (grade 1 or 2). Earned most: insured
-- wages of the 12 months before the event. Where a delivery is missing that could tell, it is unknown.
WITH events AS (
  SELECT person_id, died_on AS happened_on FROM deaths
  UNION ALL
  SELECT person_id, happened_on FROM accidents WHERE outcome IN ('death', 'disability')
  UNION ALL
  SELECT person_id, min(recorded_on) AS happened_on
  FROM disability_register
  WHERE coalesce(:disability_register_unbroken, true) AND status = 'valid' AND grade <= 2
  GROUP BY person_id
),
struck AS (
  SELECT person_id, min(happened_on) AS struck_on
  FROM events
  WHERE happened_on > :as_of - INTERVAL 12 MONTH AND happened_on <= :as_of
  GROUP BY person_id
),
homes AS (
  SELECT m.household_id, min(s.struck_on) AS struck_on
  FROM struck AS s
  JOIN member AS m ON m.person_id = s.person_id
  GROUP BY m.household_id
),
earned AS (
  SELECT m.household_id, m.person_id, sum(w.wage) AS amount
  FROM homes AS h
  JOIN member AS m ON m.household_id = h.household_id
  JOIN insured_wages AS w ON w.person_id = m.person_id
  WHERE w.month > h.struck_on - INTERVAL 12 MONTH AND w.month <= h.struck_on
    AND coalesce(:insured_wages_since <= h.struck_on - INTERVAL 12 MONTH, true)
  GROUP BY m.household_id, m.person_id
),
most AS (
  SELECT household_id, max(amount) AS amount
  FROM earned
  GROUP BY household_id
),
lost AS (
  SELECT e.household_id, min(s.struck_on) AS struck_on
  FROM earned AS e
  JOIN struck AS s ON s.person_id = e.person_id
  JOIN most ON most.household_id = e.household_id AND most.amount = e.amount
  GROUP BY e.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN lost.household_id IS NOT NULL THEN true
    WHEN :deaths_through IS NOT NULL
      AND :accidents_through IS NOT NULL
      AND :disability_register_unbroken
      AND (homes.household_id IS NULL OR most.household_id IS NOT NULL)
      THEN false
  END AS earner_lost,
  :as_of - lost.struck_on AS earner_lost_days
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN homes ON homes.household_id = h.household_id
LEFT JOIN most ON most.household_id = h.household_id
LEFT JOIN lost ON lost.household_id = h.household_id
