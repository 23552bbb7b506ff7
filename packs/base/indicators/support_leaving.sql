-- Of households that receive the minimum living guarantee: the months in a row, up to the last complete one,
-- in which members earned insured wages. Unknown where they reach back to a month that never came.
WITH helped AS (
  SELECT DISTINCT m.household_id
  FROM minimum_living_recipients AS r
  JOIN member AS m ON m.person_id = r.person_id
  WHERE r.month = :minimum_living_recipients_month
),
worked AS (
  SELECT DISTINCT m.household_id, datediff('month', w.month, :insured_wages_month) AS back
  FROM helped
  JOIN member AS m ON m.household_id = helped.household_id
  JOIN insured_wages AS w ON w.person_id = m.person_id
  WHERE w.month <= :insured_wages_month AND w.month > :insured_wages_month - INTERVAL 24 MONTH AND w.wage > 0
),
numbered AS (
  SELECT household_id, back, row_number() OVER (PARTITION BY household_id ORDER BY back) - 1 AS place
  FROM worked
),
unbroken AS (
  SELECT household_id, count(*) AS months FROM numbered WHERE back = place GROUP BY household_id
)
SELECT helped.household_id, coalesce(unbroken.months, 0) AS work_months
FROM helped
LEFT JOIN unbroken ON unbroken.household_id = helped.household_id
WHERE :minimum_living_recipients_since <= :minimum_living_recipients_month
  AND (
    :insured_wages_unbroken
    OR coalesce(unbroken.months, 0) <= datediff('month', :insured_wages_since, :insured_wages_month)
  )
