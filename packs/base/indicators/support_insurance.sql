-- Members without health insurance, and members whose premium was not aided, in the latest insurance year of
-- the household. The dead are no members. Where a year of its window is missing, no row: unknown.
WITH latest AS (
  SELECT e.person_id, e.scheme, e.premium_aided
  FROM insurance_enrolment AS e
  WHERE e.year <= :insurance_enrolment_through AND e.year > :insurance_enrolment_through - INTERVAL 12 MONTH
    AND (
      :insurance_enrolment_unbroken
      OR :insurance_enrolment_since <= :insurance_enrolment_through + 1 - INTERVAL 12 MONTH
    )
  QUALIFY row_number() OVER (PARTITION BY e.person_id ORDER BY e.year DESC) = 1
)
SELECT
  m.household_id,
  count(*) FILTER (WHERE l.scheme = 'none') AS insurance_missing,
  count(*) FILTER (WHERE l.scheme <> 'employee' AND NOT l.premium_aided) AS insurance_unaided
FROM latest AS l
JOIN population_register AS m ON m.person_id = l.person_id
WHERE m.household_id IS NOT NULL
GROUP BY m.household_id
