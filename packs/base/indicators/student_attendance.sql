-- A student's absence in the last 2 complete months beside the same student's months before in the last 12.
WITH enrolled AS (
  SELECT DISTINCT person_id FROM school_register WHERE status = 'enrolled'
)
SELECT
  a.person_id,
  sum(a.absent_days) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH)
    / nullif(sum(a.school_days) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH), 0) AS absence_recent,
  sum(a.absent_days) FILTER (WHERE a.month <= :school_attendance_month - INTERVAL 2 MONTH)
    / nullif(sum(a.school_days) FILTER (WHERE a.month <= :school_attendance_month - INTERVAL 2 MONTH), 0) AS absence_usual,
  min(a.absent_days / nullif(a.school_days, 0)) FILTER (WHERE a.month > :school_attendance_month - INTERVAL 2 MONTH)
    AS absence_best_recent_month
FROM school_attendance AS a
JOIN enrolled ON enrolled.person_id = a.person_id
WHERE a.month > :school_attendance_month - INTERVAL 12 MONTH AND a.month <= :school_attendance_month
GROUP BY a.person_id
