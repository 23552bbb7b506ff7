-- Unpaid months and the sum of the last six months that the feed is complete for. A household without a row has paid: it gets 0.
-- Before the first delivery there is no row at all, and whatever rests on it is unknown.
SELECT
  m.household_id,
  count(DISTINCT a.month) FILTER (WHERE a.unpaid > 0) AS example_unpaid_months,
  coalesce(sum(a.unpaid), 0) AS example_unpaid
FROM member AS m
LEFT JOIN example_arrears AS a
  ON a.person_id = m.person_id
  AND a.month > :example_arrears_month - INTERVAL 6 MONTH
  AND a.month <= :example_arrears_month
WHERE :example_arrears_month IS NOT NULL
GROUP BY m.household_id
