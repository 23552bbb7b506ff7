SELECT DISTINCT person_id
FROM school_attendance
WHERE :school_attendance_since <= :school_attendance_month
  AND month = :school_attendance_month
  AND absent_days >= 0.1 * school_days
