-- What school a student goes to, and the aid paid for it in 12 months. The stage with the latest enrolment
-- counts.
WITH enrolled AS (
  SELECT person_id, stage, grade, boarding, status, enrolled_on
  FROM school_register
  WHERE coalesce(:school_register_unbroken, true)
    AND enrolled_on <= :as_of
    AND status IN ('enrolled', 'graduated')
  QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY enrolled_on DESC, grade DESC) = 1
),
aid AS (
  SELECT
    person_id,
    sum(amount) FILTER (WHERE kind = 'living_subsidy') AS living,
    sum(amount) FILTER (WHERE kind = 'grant') AS grants
  FROM student_aid_paid
  WHERE paid_on > :as_of - INTERVAL 12 MONTH AND paid_on <= :as_of
  GROUP BY person_id
)
SELECT
  e.person_id,
  e.stage = 'primary' AS student_primary,
  e.stage = 'junior' AS student_junior,
  e.stage = 'senior' AS student_senior,
  e.boarding AS student_boarding,
  e.status = 'enrolled' AS student_enrolled,
  e.stage = 'senior'
  AND e.status = 'graduated'
  AND datesub('month', e.enrolled_on, :as_of) <= 48 AS student_graduated,
  CASE WHEN :student_aid_paid_through IS NOT NULL THEN coalesce(aid.living, 0) END AS student_aid_living,
  CASE WHEN :student_aid_paid_through IS NOT NULL THEN coalesce(aid.grants, 0) END AS student_aid_grants
FROM enrolled AS e
LEFT JOIN aid ON aid.person_id = e.person_id
