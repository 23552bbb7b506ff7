-- Who lives in the household today. Persons who moved out or died are no longer counted; members away for
-- work are. Where a delivery of the register is missing, no row: unknown.
SELECT
  r.household_id,
  count(*) AS members,
  count(*) FILTER (WHERE r.status = 'resident') AS members_present,
  count(*) FILTER (WHERE datesub('year', r.birth_date, :as_of) >= :senior_age) AS seniors,
  count(*) FILTER (WHERE datesub('year', r.birth_date, :as_of) < 18) AS minors,
  CASE WHEN coalesce(:school_register_unbroken, true) THEN count(s.person_id) END AS students,
  bool_or(r.registration = 'urban') AS urban_registration
FROM population_register AS r
LEFT JOIN (
  SELECT DISTINCT person_id FROM school_register WHERE status = 'enrolled'
) AS s ON s.person_id = r.person_id
WHERE coalesce(:population_register_unbroken, true)
  AND r.status IN ('resident', 'away')
  AND r.household_id IS NOT NULL
GROUP BY r.household_id
