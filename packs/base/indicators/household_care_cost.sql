-- What the members paid themselves for care in the 12 months that end at the feed's watermark.
WITH by_person AS (
  SELECT s.person_id, sum(s.self_paid) AS paid, max(s.self_paid) AS largest
  FROM medical_settlements AS s
  JOIN feed AS f ON f.feed = 'medical_settlements'
  WHERE s.settled_on > least(:as_of, f.complete_through) - INTERVAL 12 MONTH
    AND s.settled_on <= least(:as_of, f.complete_through)
  GROUP BY s.person_id
)
SELECT
  m.household_id,
  sum(p.paid) AS self_paid_year,
  sum(p.paid) / 12 AS self_paid_mean,
  max(p.largest) AS self_paid_largest
FROM by_person AS p
JOIN member AS m ON m.person_id = p.person_id
GROUP BY m.household_id
