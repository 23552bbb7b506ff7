-- The share of school days that a student missed, in percent, by month; only while enrolled. Months without
-- school days have no value.
SELECT a.person_id, a.month, 100 * sum(a.absent_days) / nullif(sum(a.school_days), 0) AS value
FROM school_attendance AS a
JOIN
  (SELECT DISTINCT person_id FROM school_register WHERE status = 'enrolled') AS enrolled
  ON enrolled.person_id = a.person_id
WHERE a.month > :school_attendance_month - INTERVAL 24 MONTH AND a.month <= :school_attendance_month
GROUP BY a.person_id, a.month
