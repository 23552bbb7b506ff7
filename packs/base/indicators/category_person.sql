-- Persons with a serious, chronic or rare illness that is not over. Where a delivery is missing, no row:
-- unknown.
SELECT
  person_id,
  bool_or(kind = 'serious') AS person_seriously_ill,
  bool_or(kind IN ('chronic', 'rare')) AS person_chronically_ill
FROM serious_illness
WHERE coalesce(:serious_illness_unbroken, true)
  AND diagnosed_on <= :as_of
  AND (ended_on IS NULL OR ended_on > :as_of)
GROUP BY person_id
