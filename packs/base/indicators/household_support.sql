-- What the household receives already. A household in no list has received nothing, as far as the lists are complete.
WITH span AS (
  SELECT
    min(complete_through) FILTER (WHERE feed = 'minimum_living_recipients') AS living_through,
    min(complete_through) FILTER (WHERE feed = 'temporary_assistance_paid') AS assistance_through
  FROM feed
),
living AS (
  SELECT m.household_id, sum(r.amount) AS amount
  FROM minimum_living_recipients AS r
  JOIN member AS m ON m.person_id = r.person_id
  CROSS JOIN span
  WHERE r.month = date_trunc('month', least(:as_of, span.living_through) + INTERVAL 1 DAY) - INTERVAL 1 MONTH
  GROUP BY m.household_id
),
assistance AS (
  SELECT m.household_id, sum(t.amount) AS amount
  FROM temporary_assistance_paid AS t
  JOIN member AS m ON m.person_id = t.person_id
  CROSS JOIN span
  WHERE t.paid_on > :as_of - INTERVAL 12 MONTH AND t.paid_on <= :as_of
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE WHEN span.living_through IS NOT NULL THEN coalesce(living.amount, 0) END AS minimum_living_received,
  CASE WHEN span.assistance_through IS NOT NULL THEN coalesce(assistance.amount, 0) END AS temporary_assistance_received
FROM (SELECT DISTINCT household_id FROM member) AS h
CROSS JOIN span
LEFT JOIN living ON living.household_id = h.household_id
LEFT JOIN assistance ON assistance.household_id = h.household_id
