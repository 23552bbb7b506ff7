-- Children of compulsory school age who live here, beside the school register: who should be at school, and
-- who is enrolled.
-- The school year is the one that has run for 30 days at the register's watermark, so that enrolment in
-- September has had its time. Where a delivery of a register is missing, it is unknown.
WITH school_year AS (
  SELECT
    cut,
    cut + 1 - to_years(:school_age_from) AS born_by,
    cut - to_years(:school_age_from + :school_years) AS born_after
  FROM (
    SELECT make_date(year(day) - CASE WHEN month(day) >= 9 THEN 0 ELSE 1 END, 8, 31) AS cut
    FROM (SELECT :school_register_through - 30 AS day)
  )
),
registered AS (
  SELECT
    person_id,
    bool_or(status = 'enrolled') AS enrolled,
    bool_or(stage = 'senior' OR (stage = 'junior' AND status = 'graduated')) AS completed
  FROM school_register
  WHERE enrolled_on <= :school_register_through
  GROUP BY person_id
)
SELECT
  r.person_id,
  CASE
    WHEN :school_register_unbroken
      AND coalesce(:population_register_unbroken, true)
      THEN NOT coalesce(g.completed, false)
  END AS school_expected,
  CASE WHEN :school_register_unbroken THEN coalesce(g.enrolled, false) END AS school_enrolled
FROM population_register AS r
CROSS JOIN school_year AS y
LEFT JOIN registered AS g ON g.person_id = r.person_id
WHERE r.status = 'resident'
  AND r.birth_date BETWEEN y.born_after AND y.born_by
  AND datesub('year', r.birth_date, y.cut) BETWEEN :school_age_from AND :school_age_from + :school_years - 1
