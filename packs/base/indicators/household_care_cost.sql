-- What the members paid themselves for care in the 12 months that end at the feed's watermark.
SELECT
  m.household_id,
  sum(s.self_paid) AS self_paid_year,
  sum(s.self_paid) / 12 AS self_paid_mean,
  max(s.self_paid) AS self_paid_largest
FROM medical_settlements AS s
JOIN member AS m ON m.person_id = s.person_id
WHERE s.settled_on > :medical_settlements_through - INTERVAL 12 MONTH
  AND s.settled_on <= :medical_settlements_through
GROUP BY m.household_id
