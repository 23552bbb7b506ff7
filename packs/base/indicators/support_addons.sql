-- Members for whom the minimum living guarantee pays more. Add-ons do not stack on one member, so each is
-- counted once, under the first of:
-- student, before school, severe disability, serious illness, senior. The add-on for a disability card stacks
-- on all of them.
WITH carded AS (
  SELECT person_id, grade
  FROM disability_register
  WHERE status = 'valid' AND recorded_on <= :as_of AND (valid_until IS NULL OR valid_until >= :as_of)
  QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY recorded_on DESC) = 1
),
ill AS (
  SELECT DISTINCT person_id
  FROM serious_illness
  WHERE kind = 'serious' AND diagnosed_on <= :as_of AND (ended_on IS NULL OR ended_on > :as_of)
),
pupils AS (
  SELECT DISTINCT person_id FROM school_register WHERE status = 'enrolled'
),
people AS (
  SELECT
    r.household_id,
    c.grade,
    CASE
      WHEN pupils.person_id IS NOT NULL THEN 'student'
      WHEN datesub('year', r.birth_date, :as_of) BETWEEN 3 AND 5 THEN 'preschool'
      WHEN c.grade <= 2 THEN 'severe'
      WHEN ill.person_id IS NOT NULL THEN 'ill'
      WHEN datesub('year', r.birth_date, :as_of) >= :senior_age THEN 'senior'
    END AS addon
  FROM population_register AS r
  LEFT JOIN carded AS c ON c.person_id = r.person_id
  LEFT JOIN ill ON ill.person_id = r.person_id
  LEFT JOIN pupils ON pupils.person_id = r.person_id
  WHERE r.status IN ('resident', 'away') AND r.household_id IS NOT NULL
)
SELECT
  household_id,
  count(*) FILTER (WHERE addon = 'student') AS addon_students,
  count(*) FILTER (WHERE addon = 'preschool') AS addon_preschool,
  count(*) FILTER (WHERE addon = 'severe') AS addon_severe,
  count(*) FILTER (WHERE addon = 'ill') AS addon_ill,
  count(*) FILTER (WHERE addon = 'senior') AS addon_seniors,
  count(grade) AS addon_disabled
FROM people
WHERE addon IS NOT NULL OR grade IS NOT NULL
GROUP BY household_id
