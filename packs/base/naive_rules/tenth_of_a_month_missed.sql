SELECT DISTINCT person_id
FROM school_attendance
WHERE month = :school_attendance_month AND absent_days >= 0.1 * school_days
