-- What registers can see of a household's income, by month: insured wages and pensions, as
-- `indicators/household_income`.
-- Only months that both feeds are complete for, so that a late feed is a missing month and not a fall. A
-- household that had some income within these months had none in those without a record. Behind a month that
-- never came, the series begins anew.
WITH payments AS (
  SELECT m.household_id, w.month, w.wage AS amount
  FROM insured_wages AS w
  JOIN member AS m ON m.person_id = w.person_id
  WHERE w.month > least(:insured_wages_month, :pensions_month) - INTERVAL 24 MONTH
    AND w.month <= least(:insured_wages_month, :pensions_month)
  UNION ALL
  SELECT m.household_id, p.month, p.amount
  FROM pensions AS p
  JOIN member AS m ON m.person_id = p.person_id
  WHERE p.month > least(:insured_wages_month, :pensions_month) - INTERVAL 24 MONTH
    AND p.month <= least(:insured_wages_month, :pensions_month)
),
begun AS (
  SELECT household_id, min(month) AS since
  FROM payments
  WHERE month >= greatest(:insured_wages_since, :pensions_since)
  GROUP BY household_id
),
months AS (
  SELECT
    household_id,
    unnest(generate_series(since, least(:insured_wages_month, :pensions_month), INTERVAL 1 MONTH))::DATE
      AS month
  FROM begun
)
SELECT month_of.household_id, month_of.month, coalesce(sum(p.amount), 0) AS value
FROM months AS month_of
LEFT JOIN payments AS p ON p.household_id = month_of.household_id AND p.month = month_of.month
-- Income is known only when both feeds have been delivered.
WHERE :insured_wages_month IS NOT NULL AND :pensions_month IS NOT NULL
GROUP BY month_of.household_id, month_of.month
