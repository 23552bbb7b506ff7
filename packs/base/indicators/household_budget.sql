-- Farm income and school costs, both told once a year. Farm: each member's latest year within 24 months of
-- the feed's watermark.
-- School: what is left to pay after aid for the school year of the last 12 months. Where a feed is complete,
-- no row means none was registered; where a period of its window is missing, it is unknown.
-- Rules add farm income to the registered income of the year, so both are unknown where a period of either is
-- missing (`household_income`).
WITH farm_by_person AS (
  SELECT person_id, arg_max(net_income, year) AS net_income
  FROM farm_income
  WHERE year > :farm_income_through - INTERVAL 24 MONTH AND year <= :farm_income_through
  GROUP BY person_id
),
farm AS (
  SELECT m.household_id, sum(f.net_income) / 12 AS amount
  FROM farm_by_person AS f
  JOIN member AS m ON m.person_id = f.person_id
  GROUP BY m.household_id
),
school AS (
  SELECT m.household_id, sum(greatest(c.tuition + c.boarding + c.books - c.aid_received, 0)) AS amount
  FROM school_costs AS c
  JOIN member AS m ON m.person_id = c.person_id
  WHERE c.school_year > :school_costs_through - INTERVAL 12 MONTH AND c.school_year <= :school_costs_through
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN coalesce(:insured_wages_since <= :insured_wages_month - INTERVAL 2 MONTH, true)
      AND coalesce(:pensions_since <= :pensions_month - INTERVAL 2 MONTH, true)
      AND coalesce(
        :farm_income_unbroken OR :farm_income_since <= :farm_income_through + 1 - INTERVAL 24 MONTH, true
      )
      THEN true
  END AS income_periods_complete,
  CASE
    WHEN (:farm_income_unbroken OR :farm_income_since <= :farm_income_through + 1 - INTERVAL 24 MONTH)
      AND coalesce(:insured_wages_since <= :insured_wages_month - INTERVAL 11 MONTH, true)
      AND coalesce(:pensions_since <= :pensions_month - INTERVAL 11 MONTH, true)
      THEN farm.amount
  END AS farm_income_mean,
  CASE
    WHEN :school_costs_unbroken OR :school_costs_since <= :school_costs_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(school.amount, 0)
  END AS school_cost_year,
  CASE
    WHEN :school_costs_unbroken OR :school_costs_since <= :school_costs_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(school.amount, 0) / 12
  END AS school_cost_mean
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN farm ON farm.household_id = h.household_id
LEFT JOIN school ON school.household_id = h.household_id
