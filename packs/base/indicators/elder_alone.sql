-- Elderly residents: whether anybody else lives at home with them, and what puts them higher on the visit
-- ladder. Where a delivery of a register is missing, what rests on it is unknown.
WITH present AS (
  SELECT household_id, count(*) AS members_at_home
  FROM population_register
  WHERE status = 'resident' AND household_id IS NOT NULL
  GROUP BY household_id
),
disabled AS (
  SELECT person_id, arg_max(grade <= 2 AND status = 'valid', recorded_on) AS severe
  FROM disability_register
  WHERE recorded_on <= :as_of
  GROUP BY person_id
),
supported AS (
  SELECT DISTINCT person_id
  FROM low_income_register
  WHERE category = 'extreme_poverty' AND recognised_on <= :as_of
    AND (ended_on IS NULL OR ended_on > :as_of) AND (valid_until IS NULL OR valid_until >= :as_of)
)
SELECT
  r.person_id,
  datesub('year', r.birth_date, :as_of) AS age,
  CASE WHEN coalesce(:population_register_unbroken, true) THEN present.members_at_home = 1 END AS lives_alone,
  CASE WHEN :disability_register_unbroken THEN coalesce(disabled.severe, false) END AS disability_severe,
  CASE WHEN :low_income_register_unbroken THEN supported.person_id IS NOT NULL END AS extreme_poverty_elder
FROM population_register AS r
JOIN present ON present.household_id = r.household_id
LEFT JOIN disabled ON disabled.person_id = r.person_id
LEFT JOIN supported ON supported.person_id = r.person_id
WHERE r.status = 'resident'
  AND r.birth_date <= :as_of + 1 - to_years(:elder_age)
  AND datesub('year', r.birth_date, :as_of) >= :elder_age
