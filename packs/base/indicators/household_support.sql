-- What the household receives already. A household in no list has received nothing, as far as the lists are
-- complete; where a period of the window is missing, it is unknown.
WITH living AS (
  SELECT m.household_id, sum(r.amount) AS amount
  FROM minimum_living_recipients AS r
  JOIN member AS m ON m.person_id = r.person_id
  WHERE r.month = :minimum_living_recipients_month
  GROUP BY m.household_id
),
assistance AS (
  SELECT m.household_id, sum(t.amount) AS amount
  FROM temporary_assistance_paid AS t
  JOIN member AS m ON m.person_id = t.person_id
  WHERE t.paid_on > :as_of - INTERVAL 12 MONTH AND t.paid_on <= :as_of
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN :minimum_living_recipients_since <= :minimum_living_recipients_month THEN coalesce(living.amount, 0)
  END AS minimum_living_received,
  CASE
    WHEN :temporary_assistance_paid_unbroken
      OR :temporary_assistance_paid_since <= :as_of + 1 - INTERVAL 12 MONTH
      THEN coalesce(assistance.amount, 0)
  END AS temporary_assistance_received
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN living ON living.household_id = h.household_id
LEFT JOIN assistance ON assistance.household_id = h.household_id
