-- Elderly residents, and whether anybody else lives at home with them.
WITH present AS (
  SELECT household_id, count(*) AS members_at_home
  FROM population_register
  WHERE status = 'resident' AND household_id IS NOT NULL
  GROUP BY household_id
)
SELECT
  r.person_id,
  datesub('year', r.birth_date, :as_of) AS age,
  present.members_at_home = 1 AS lives_alone
FROM population_register AS r
JOIN present ON present.household_id = r.household_id
WHERE r.status = 'resident' AND datesub('year', r.birth_date, :as_of) >= :elder_age
