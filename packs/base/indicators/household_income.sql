-- Income that registers can see: insured wages and pensions, by month.
-- Each feed's window ends with the last month that the feed is complete for, never at today: a late feed is
-- not a lost income, and one late feed does not hide what another one says. `back` counts months before that
-- last one.
-- recent: the last 3 complete months. usual: the median of the 12 months before those, counting months with
-- income.
-- A month that never came is no month without income: where one of a window is missing, the value is unknown.
-- The usual income may rest on fewer months where the feeds began later, and says on how many.
-- Months stand side by side: to group by household and month takes half as long again.
WITH by_month AS (
  SELECT
    m.household_id,
    sum(CASE WHEN p.back = 0 THEN p.amount END) AS m0,
    sum(CASE WHEN p.back = 1 THEN p.amount END) AS m1,
    sum(CASE WHEN p.back = 2 THEN p.amount END) AS m2,
    sum(CASE WHEN p.back = 3 THEN p.amount END) AS m3,
    sum(CASE WHEN p.back = 4 THEN p.amount END) AS m4,
    sum(CASE WHEN p.back = 5 THEN p.amount END) AS m5,
    sum(CASE WHEN p.back = 6 THEN p.amount END) AS m6,
    sum(CASE WHEN p.back = 7 THEN p.amount END) AS m7,
    sum(CASE WHEN p.back = 8 THEN p.amount END) AS m8,
    sum(CASE WHEN p.back = 9 THEN p.amount END) AS m9,
    sum(CASE WHEN p.back = 10 THEN p.amount END) AS m10,
    sum(CASE WHEN p.back = 11 THEN p.amount END) AS m11,
    sum(CASE WHEN p.back = 12 THEN p.amount END) AS m12,
    sum(CASE WHEN p.back = 13 THEN p.amount END) AS m13,
    sum(CASE WHEN p.back = 14 THEN p.amount END) AS m14
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
  GROUP BY m.household_id
),
summed AS (
  SELECT
    household_id,
    list_median([m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14]) AS income_usual,
    list_count([m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14]) AS income_usual_months,
    coalesce(list_sum([m0, m1, m2]), 0) / 3 AS income_recent,
    coalesce(list_max([m0, m1, m2]), 0) AS income_best_recent_month,
    coalesce(list_sum([m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11]), 0) / 12 AS income_year_mean
  FROM by_month
)
SELECT
  i.household_id,
  CASE
    WHEN (:insured_wages_unbroken OR :insured_wages_since <= :insured_wages_month - INTERVAL 14 MONTH)
      AND (:pensions_unbroken OR :pensions_since <= :pensions_month - INTERVAL 14 MONTH)
      THEN i.income_usual
  END AS income_usual,
  CASE
    WHEN (:insured_wages_unbroken OR :insured_wages_since <= :insured_wages_month - INTERVAL 14 MONTH)
      AND (:pensions_unbroken OR :pensions_since <= :pensions_month - INTERVAL 14 MONTH)
      THEN i.income_usual_months
  END AS income_usual_months,
  CASE
    WHEN :insured_wages_since <= :insured_wages_month - INTERVAL 2 MONTH
      AND :pensions_since <= :pensions_month - INTERVAL 2 MONTH
      THEN i.income_recent
  END AS income_recent,
  CASE
    WHEN :insured_wages_since <= :insured_wages_month - INTERVAL 2 MONTH
      AND :pensions_since <= :pensions_month - INTERVAL 2 MONTH
      THEN i.income_best_recent_month
  END AS income_best_recent_month,
  CASE
    WHEN :insured_wages_since <= :insured_wages_month - INTERVAL 11 MONTH
      AND :pensions_since <= :pensions_month - INTERVAL 11 MONTH
      AND coalesce(
        :farm_income_unbroken OR :farm_income_since <= :farm_income_through + 1 - INTERVAL 24 MONTH, true
      )
      THEN i.income_year_mean
  END AS income_year_mean,
  CASE
    WHEN :insured_wages_since <= :insured_wages_month - INTERVAL 2 MONTH
      AND :pensions_since <= :pensions_month - INTERVAL 2 MONTH
      AND coalesce(:population_register_unbroken, true)
      THEN i.income_recent / c.members
  END AS income_recent_per_head
FROM summed AS i
JOIN (
  SELECT household_id, count(*) AS members
  FROM population_register
  WHERE status IN ('resident', 'away') AND household_id IS NOT NULL
  GROUP BY household_id
) AS c ON c.household_id = i.household_id
-- Income is known only when both feeds have been delivered.
WHERE :insured_wages_month IS NOT NULL AND :pensions_month IS NOT NULL
