-- Income that registers can see: insured wages and pensions, by month.
-- The window ends with the last month for which both feeds are complete, never at today: a late feed is not a lost income.
-- recent: the last 3 complete months. usual: the median of the 12 months before those, counting months with income.
WITH span AS (
  SELECT date_trunc('month', least(:as_of, min(complete_through)) + INTERVAL 1 DAY)::DATE - INTERVAL 1 MONTH AS last_month
  FROM feed
  WHERE feed IN ('insured_wages', 'pensions')
  HAVING count(complete_through) = 2
),
payments AS (
  SELECT m.household_id, w.month, w.wage AS amount
  FROM insured_wages AS w
  JOIN member AS m ON m.person_id = w.person_id
  JOIN span ON w.month > span.last_month - INTERVAL 15 MONTH AND w.month <= span.last_month
  UNION ALL
  SELECT m.household_id, p.month, p.amount
  FROM pensions AS p
  JOIN member AS m ON m.person_id = p.person_id
  JOIN span ON p.month > span.last_month - INTERVAL 15 MONTH AND p.month <= span.last_month
),
by_month AS (
  SELECT household_id, month, sum(amount) AS amount
  FROM payments
  GROUP BY household_id, month
),
usual AS (
  SELECT
    b.household_id,
    median(b.amount) FILTER (WHERE b.month <= span.last_month - INTERVAL 3 MONTH) AS income_usual,
    count(*) FILTER (WHERE b.month <= span.last_month - INTERVAL 3 MONTH) AS income_usual_months,
    coalesce(sum(b.amount) FILTER (WHERE b.month > span.last_month - INTERVAL 3 MONTH), 0) / 3 AS income_recent,
    coalesce(sum(b.amount) FILTER (WHERE b.month > span.last_month - INTERVAL 12 MONTH), 0) / 12 AS income_year_mean,
    coalesce(max(b.amount) FILTER (WHERE b.month > span.last_month - INTERVAL 3 MONTH), 0) AS income_best_recent_month
  FROM by_month AS b
  CROSS JOIN span
  GROUP BY b.household_id
)
SELECT
  u.household_id,
  u.income_usual,
  u.income_usual_months,
  u.income_recent,
  u.income_best_recent_month,
  u.income_year_mean,
  u.income_recent / c.members AS income_recent_per_head
FROM usual AS u
JOIN (
  SELECT household_id, count(*) AS members
  FROM population_register
  WHERE status IN ('resident', 'away') AND household_id IS NOT NULL
  GROUP BY household_id
) AS c ON c.household_id = u.household_id
