-- What the members paid themselves for care, by the month of the settlement; from the household's first
-- settlement within the 24 complete months on, months without one count as none.
-- Behind a month that never came, the series begins anew.
WITH paid AS (
  SELECT m.household_id, date_trunc('month', s.settled_on)::DATE AS month, s.self_paid AS amount
  FROM medical_settlements AS s
  JOIN member AS m ON m.person_id = s.person_id
  WHERE s.settled_on >= :medical_settlements_month - INTERVAL 23 MONTH
    AND s.settled_on < :medical_settlements_month + INTERVAL 1 MONTH
),
begun AS (
  SELECT household_id, min(month) AS since
  FROM paid
  WHERE month >= :medical_settlements_since
  GROUP BY household_id
),
months AS (
  SELECT
    household_id, unnest(generate_series(since, :medical_settlements_month, INTERVAL 1 MONTH))::DATE AS month
  FROM begun
)
SELECT month_of.household_id, month_of.month, coalesce(sum(p.amount), 0) AS value
FROM months AS month_of
LEFT JOIN paid AS p ON p.household_id = month_of.household_id AND p.month = month_of.month
GROUP BY month_of.household_id, month_of.month
