-- Of households that are recognised or receive the minimum living guarantee: months in a row of receiving it,
-- and what care cost in 12 months.
-- Unlike the cost of care in general, no settlement here means no cost, because the feed is complete; where
-- it was never delivered, or a period of the window is missing, it is unknown. So is how long the guarantee
-- has been received, when the months reach back to a missing one.
WITH received AS (
  SELECT DISTINCT m.household_id, datediff('month', r.month, :minimum_living_recipients_month) AS back
  FROM minimum_living_recipients AS r
  JOIN member AS m ON m.person_id = r.person_id
  WHERE r.month <= :minimum_living_recipients_month
    AND r.month > :minimum_living_recipients_month - INTERVAL 60 MONTH
),
numbered AS (
  SELECT household_id, back, row_number() OVER (PARTITION BY household_id ORDER BY back) - 1 AS place
  FROM received
),
unbroken AS (
  SELECT household_id, count(*) AS months FROM numbered WHERE back = place GROUP BY household_id
),
recognised AS (
  SELECT household_id FROM unbroken
  UNION
  SELECT m.household_id FROM low_income_register AS r JOIN member AS m ON m.person_id = r.person_id
  UNION
  SELECT m.household_id FROM monitored_households AS w JOIN member AS m ON m.person_id = w.person_id
),
care AS (
  SELECT m.household_id, sum(s.self_paid) AS paid
  FROM recognised AS k
  JOIN member AS m ON m.household_id = k.household_id
  JOIN medical_settlements AS s ON s.person_id = m.person_id
  WHERE s.settled_on > :medical_settlements_through - INTERVAL 12 MONTH
    AND s.settled_on <= :medical_settlements_through
  GROUP BY m.household_id
)
SELECT
  k.household_id,
  CASE
    WHEN :minimum_living_recipients_unbroken
      OR coalesce(unbroken.months, 0)
      <= datediff('month', :minimum_living_recipients_since, :minimum_living_recipients_month)
      THEN coalesce(unbroken.months, 0)
  END AS living_months,
  CASE
    WHEN :medical_settlements_since <= :medical_settlements_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(care.paid, 0)
  END AS exit_care_year
FROM recognised AS k
LEFT JOIN unbroken ON unbroken.household_id = k.household_id
LEFT JOIN care ON care.household_id = k.household_id
