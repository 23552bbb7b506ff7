-- A student's absence in the last 2 complete months beside the same student's months before in the last 12,
-- and what the school notes beside it: behaviour incidents in those 2 months, failed courses in the latest
-- month that tells of them.
SELECT
  a.person_id,
  sum(a.absent_days) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH)
  / nullif(sum(a.school_days) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH), 0)
    AS absence_recent,
  sum(a.absent_days) FILTER (WHERE a.month <= :school_attendance_month - INTERVAL 2 MONTH)
  / nullif(sum(a.school_days) FILTER (WHERE a.month <= :school_attendance_month - INTERVAL 2 MONTH), 0)
    AS absence_usual,
  min(a.absent_days / nullif(a.school_days, 0)) FILTER (
    WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH
  )
    AS absence_best_recent_month,
  sum(a.incidents) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH) AS incidents_recent,
  arg_max(a.failed_courses, a.month) FILTER (WHERE a.failed_courses IS NOT NULL) AS failed_courses_recent
FROM school_attendance AS a
JOIN
  (SELECT DISTINCT person_id FROM school_register WHERE status = 'enrolled') AS enrolled
  ON enrolled.person_id = a.person_id
WHERE a.month > :school_attendance_month - INTERVAL 12 MONTH AND a.month <= :school_attendance_month
GROUP BY a.person_id
