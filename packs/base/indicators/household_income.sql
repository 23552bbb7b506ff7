-- Income that registers can see: insured wages and pensions, by month.
-- Each feed's window ends with the last month that the feed is complete for, never at today: a late feed is not a lost income,
-- and one late feed does not hide what another one says. `back` counts months before that last one.
-- recent: the last 3 complete months. usual: the median of the 12 months before those, counting months with income.
WITH span AS (
  SELECT feed, date_trunc('month', least(:as_of, complete_through) + INTERVAL 1 DAY)::DATE - INTERVAL 1 MONTH AS last_month
  FROM feed
  WHERE feed IN ('insured_wages', 'pensions') AND complete_through IS NOT NULL
),
payments AS (
  SELECT m.household_id, datediff('month', w.month, s.last_month) AS back, w.wage AS amount
  FROM insured_wages AS w
  JOIN member AS m ON m.person_id = w.person_id
  JOIN span AS s ON s.feed = 'insured_wages'
  WHERE w.month > s.last_month - INTERVAL 15 MONTH AND w.month <= s.last_month
  UNION ALL
  SELECT m.household_id, datediff('month', p.month, s.last_month) AS back, p.amount
  FROM pensions AS p
  JOIN member AS m ON m.person_id = p.person_id
  JOIN span AS s ON s.feed = 'pensions'
  WHERE p.month > s.last_month - INTERVAL 15 MONTH AND p.month <= s.last_month
),
by_month AS (
  SELECT household_id, back, sum(amount) AS amount
  FROM payments
  GROUP BY household_id, back
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
JOIN (SELECT count(*) AS delivered FROM span) AS d ON d.delivered = 2
JOIN (
  SELECT household_id, count(*) AS members
  FROM population_register
  WHERE status IN ('resident', 'away') AND household_id IS NOT NULL
  GROUP BY household_id
) AS c ON c.household_id = i.household_id
