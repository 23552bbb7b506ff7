WITH paid AS (
  SELECT person_id, amount
  FROM pensions
  WHERE month > :as_of - INTERVAL 12 MONTH
  UNION ALL
  SELECT person_id, wage AS amount
  FROM insured_wages
  WHERE month > :as_of - INTERVAL 12 MONTH
),
by_person AS (
  SELECT person_id, sum(amount) AS amount
  FROM paid
  GROUP BY person_id
)
SELECT m.household_id
FROM member AS m
LEFT JOIN by_person AS p ON p.person_id = m.person_id
GROUP BY m.household_id
HAVING coalesce(sum(p.amount), 0) < 12 * 630 * count(*)
