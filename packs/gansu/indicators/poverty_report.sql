-- Reports by the one-key code of 60 days that are not decided. A report counts for the household of who
-- reported.
-- Where a period of the window is missing, it is unknown; where the feed is complete, no report is none.
WITH waiting AS (
  SELECT
    m.household_id,
    count(*) AS reports,
    count(*) FILTER (WHERE p.checked_on IS NULL) AS unchecked,
    count(*) FILTER (WHERE p.checked_on IS NULL AND p.risk IN ('disaster', 'accident')) AS green_channel,
    min(p.reported_on) AS first_on
  FROM poverty_reports AS p
  JOIN member AS m ON m.person_id = p.person_id
  WHERE p.reported_on > :poverty_reports_through - 60 AND p.reported_on <= :poverty_reports_through
    AND p.decided_on IS NULL AND p.outcome IS NULL
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN :poverty_reports_unbroken OR :poverty_reports_since <= :poverty_reports_through - 59
      THEN coalesce(w.reports, 0)
  END AS reports_open,
  CASE
    WHEN :poverty_reports_unbroken OR :poverty_reports_since <= :poverty_reports_through - 59
      THEN coalesce(w.unchecked, 0)
  END AS reports_unchecked,
  CASE
    WHEN :poverty_reports_unbroken OR :poverty_reports_since <= :poverty_reports_through - 59
      THEN coalesce(w.green_channel, 0)
  END AS reports_green_channel,
  CASE
    WHEN :poverty_reports_unbroken OR :poverty_reports_since <= :poverty_reports_through - 59
      THEN :poverty_reports_through - w.first_on
  END AS report_days
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN waiting AS w ON w.household_id = h.household_id
