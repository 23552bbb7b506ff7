-- What the members paid themselves for care in the 12 months that end at the feed's watermark.
-- Where a period of them is missing, no row: unknown.
SELECT
  m.household_id,
  sum(s.self_paid) AS self_paid_year,
  sum(s.self_paid) / 12 AS self_paid_mean,
  max(s.self_paid) AS self_paid_largest
FROM medical_settlements AS s
JOIN member AS m ON m.person_id = s.person_id
WHERE s.settled_on > :medical_settlements_through - INTERVAL 12 MONTH
  AND s.settled_on <= :medical_settlements_through
  AND (
    :medical_settlements_unbroken
    OR :medical_settlements_since <= :medical_settlements_through + 1 - INTERVAL 12 MONTH
  )
GROUP BY m.household_id
