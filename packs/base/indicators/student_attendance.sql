-- A student's absence in the last 2 complete months beside the same student's months before in the last 12.
WITH span AS (
  SELECT date_trunc('month', least(:as_of, complete_through) + INTERVAL 1 DAY)::DATE - INTERVAL 1 MONTH AS last_month
  FROM feed
  WHERE feed = 'school_attendance' AND complete_through IS NOT NULL
),
enrolled AS (
  SELECT DISTINCT person_id FROM school_register WHERE status = 'enrolled'
)
SELECT
  a.person_id,
  sum(a.absent_days) FILTER (WHERE a.month > span.last_month - INTERVAL 2 MONTH)
    / nullif(sum(a.school_days) FILTER (WHERE a.month > span.last_month - INTERVAL 2 MONTH), 0) AS absence_recent,
  sum(a.absent_days) FILTER (WHERE a.month <= span.last_month - INTERVAL 2 MONTH)
    / nullif(sum(a.school_days) FILTER (WHERE a.month <= span.last_month - INTERVAL 2 MONTH), 0) AS absence_usual,
  min(a.absent_days / nullif(a.school_days, 0)) FILTER (WHERE a.month > span.last_month - INTERVAL 2 MONTH)
    AS absence_best_recent_month
FROM school_attendance AS a
JOIN enrolled ON enrolled.person_id = a.person_id
JOIN span ON a.month > span.last_month - INTERVAL 12 MONTH AND a.month <= span.last_month
GROUP BY a.person_id
