-- The lowest month a head among the last 6 complete months, for households that receive the minimum living
-- guarantee now.
-- A month without registered income counts as none; where one never came, no row: unknown. Other households:
-- no row.
WITH helped AS (
  SELECT DISTINCT m.household_id
  FROM minimum_living_recipients AS r
  JOIN member AS m ON m.person_id = r.person_id
  WHERE r.month = :minimum_living_recipients_month
),
payments AS (
  SELECT m.household_id, datediff('month', w.month, :insured_wages_month) AS back, w.wage AS amount
  FROM helped
  JOIN member AS m ON m.household_id = helped.household_id
  JOIN insured_wages AS w ON w.person_id = m.person_id
  WHERE w.month > :insured_wages_month - INTERVAL 6 MONTH AND w.month <= :insured_wages_month
  UNION ALL
  SELECT m.household_id, datediff('month', p.month, :pensions_month) AS back, p.amount
  FROM helped
  JOIN member AS m ON m.household_id = helped.household_id
  JOIN pensions AS p ON p.person_id = m.person_id
  WHERE p.month > :pensions_month - INTERVAL 6 MONTH AND p.month <= :pensions_month
),
by_month AS (
  SELECT household_id, back, sum(amount) AS amount
  FROM payments
  GROUP BY household_id, back
),
lowest AS (
  SELECT household_id, CASE WHEN count(*) = 6 THEN min(amount) ELSE 0 END AS amount
  FROM by_month
  GROUP BY household_id
),
heads AS (
  SELECT r.household_id, count(*) AS members
  FROM population_register AS r
  JOIN helped ON helped.household_id = r.household_id
  WHERE r.status IN ('resident', 'away')
  GROUP BY r.household_id
)
SELECT heads.household_id, coalesce(lowest.amount, 0) / heads.members AS income_lowest_per_head
FROM heads
LEFT JOIN lowest ON lowest.household_id = heads.household_id
WHERE :insured_wages_since <= :insured_wages_month - INTERVAL 5 MONTH
  AND :pensions_since <= :pensions_month - INTERVAL 5 MONTH
  AND :minimum_living_recipients_since <= :minimum_living_recipients_month
  AND coalesce(:population_register_unbroken, true)
