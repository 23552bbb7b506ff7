-- Unpaid months and the sum of the last six months that the feed is complete for. A household without a row has paid: it gets 0.
-- Before the first delivery, and while one of these months never came, there is no row at all: whatever rests on it is unknown.
SELECT
  m.household_id,
  count(DISTINCT a.month) FILTER (WHERE a.unpaid > 0) AS example_unpaid_months,
  coalesce(sum(a.unpaid), 0) AS example_unpaid
FROM member AS m
LEFT JOIN example_arrears AS a
  ON a.person_id = m.person_id
  AND a.month > :example_arrears_month - INTERVAL 6 MONTH
  AND a.month <= :example_arrears_month
WHERE :example_arrears_unbroken OR :example_arrears_since <= :example_arrears_month - INTERVAL 5 MONTH
GROUP BY m.household_id
