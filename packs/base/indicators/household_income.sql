-- Income that registers can see: insured wages and pensions, by month.
-- Each feed's window ends with the last month that the feed is complete for, never at today: a late feed is not a lost income,
-- and one late feed does not hide what another one says. `back` counts months before that last one.
-- recent: the last 3 complete months. usual: the median of the 12 months before those, counting months with income.
WITH by_month AS (
  SELECT m.household_id, p.back, sum(p.amount) AS amount
  FROM (
    SELECT person_id, datediff('month', month, :insured_wages_month) AS back, wage AS amount
    FROM insured_wages
    WHERE month > :insured_wages_month - INTERVAL 15 MONTH AND month <= :insured_wages_month
    UNION ALL
    SELECT person_id, datediff('month', month, :pensions_month) AS back, amount
    FROM pensions
    WHERE month > :pensions_month - INTERVAL 15 MONTH AND month <= :pensions_month
  ) AS p
  JOIN member AS m ON m.person_id = p.person_id
  GROUP BY m.household_id, p.back
),
summed AS (
  SELECT
    household_id,
    median(amount) FILTER (WHERE back >= 3) AS income_usual,
    count(*) FILTER (WHERE back >= 3) AS income_usual_months,
    coalesce(sum(amount) FILTER (WHERE back < 3), 0) / 3 AS income_recent,
    coalesce(max(amount) FILTER (WHERE back < 3), 0) AS income_best_recent_month,
    coalesce(sum(amount) FILTER (WHERE back < 12), 0) / 12 AS income_year_mean
  FROM by_month
  GROUP BY household_id
)
SELECT
  i.household_id,
  i.income_usual,
  i.income_usual_months,
  i.income_recent,
  i.income_best_recent_month,
  i.income_year_mean,
  i.income_recent / c.members AS income_recent_per_head
FROM summed AS i
JOIN (
  SELECT household_id, count(*) AS members
  FROM population_register
  WHERE status IN ('resident', 'away') AND household_id IS NOT NULL
  GROUP BY household_id
) AS c ON c.household_id = i.household_id
-- Income is known only when both feeds have been delivered.
WHERE :insured_wages_month IS NOT NULL AND :pensions_month IS NOT NULL
