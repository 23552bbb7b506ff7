-- A student's absence in the last 2 complete months beside the same student's months before in the last 12,
-- and what the school notes beside it: behaviour incidents in those 2 months, failed courses in the latest
-- month that tells of them. Where a month of a window never came, it is unknown.
SELECT
  a.person_id,
  CASE
    WHEN :school_attendance_unbroken
      OR :school_attendance_since <= :school_attendance_month - INTERVAL 1 MONTH
      THEN sum(a.absent_days) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH)
        / nullif(sum(a.school_days) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH), 0)
  END AS absence_recent,
  CASE
    WHEN :school_attendance_unbroken
      OR :school_attendance_since <= :school_attendance_month - INTERVAL 11 MONTH
      THEN sum(a.absent_days) FILTER (WHERE a.month <= :school_attendance_month - INTERVAL 2 MONTH)
        / nullif(sum(a.school_days) FILTER (WHERE a.month <= :school_attendance_month - INTERVAL 2 MONTH), 0)
  END AS absence_usual,
  CASE
    WHEN :school_attendance_unbroken
      OR :school_attendance_since <= :school_attendance_month - INTERVAL 1 MONTH
      THEN least(
          min(a.absent_days / nullif(a.school_days, 0)) FILTER (WHERE a.month = :school_attendance_month),
          min(a.absent_days / nullif(a.school_days, 0)) FILTER (
            WHERE a.month = :school_attendance_month - INTERVAL 1 MONTH
          )
        )
  END AS absence_best_recent_month,
  CASE
    WHEN :school_attendance_unbroken
      OR :school_attendance_since <= :school_attendance_month - INTERVAL 1 MONTH
      THEN sum(a.incidents) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH)
  END AS incidents_recent,
  CASE
    WHEN :school_attendance_unbroken
      OR :school_attendance_since <= :school_attendance_month - INTERVAL 11 MONTH
      THEN arg_max(a.failed_courses, a.month) FILTER (WHERE a.failed_courses IS NOT NULL)
  END AS failed_courses_recent
FROM school_attendance AS a
JOIN
  (
    SELECT DISTINCT person_id
    FROM school_register
    WHERE coalesce(:school_register_unbroken, true) AND status = 'enrolled'
  ) AS enrolled
  ON enrolled.person_id = a.person_id
WHERE a.month > :school_attendance_month - INTERVAL 12 MONTH AND a.month <= :school_attendance_month
GROUP BY a.person_id
