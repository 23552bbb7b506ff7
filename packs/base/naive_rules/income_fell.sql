-- Registered income 30 % lower than the month before. Of all households 41 % swing that much in a month
-- (JPMorgan Chase Institute).
WITH paid AS (
  SELECT person_id, month, wage AS amount
  FROM insured_wages
  UNION ALL
  SELECT person_id, month, amount
  FROM pensions
),
summed AS (
  SELECT
    m.household_id,
    coalesce(sum(p.amount) FILTER (
      WHERE p.month = least(:insured_wages_month, :pensions_month)
    ), 0) AS amount_now,
    coalesce(sum(p.amount) FILTER (
      WHERE p.month = least(:insured_wages_month, :pensions_month) - INTERVAL 1 MONTH
    ), 0) AS amount_before
  FROM paid AS p
  JOIN member AS m ON m.person_id = p.person_id
  GROUP BY m.household_id
)
SELECT household_id
FROM summed
WHERE :insured_wages_since <= least(:insured_wages_month, :pensions_month) - INTERVAL 1 MONTH
  AND :pensions_since <= least(:insured_wages_month, :pensions_month) - INTERVAL 1 MONTH
  AND amount_before > 0 AND amount_now <= 0.7 * amount_before
