-- What the province's monthly comparison has told and the county has not checked yet, within a year.
-- Where a period of the window is missing, it is unknown; where the feed is complete, no alert is none.
WITH waiting AS (
  SELECT
    m.household_id,
    count(*) AS alerts,
    count(*) FILTER (
      WHERE a.category IN ('income_or_cost_shock', 'long_or_serious_illness', 'severe_disability')
    ) AS urgent,
    min(a.issued_on) AS first_on
  FROM province_alerts AS a
  JOIN member AS m ON m.person_id = a.person_id
  WHERE a.issued_on > :province_alerts_through - INTERVAL 12 MONTH AND a.issued_on <= :province_alerts_through
    AND a.checked_on IS NULL
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN :province_alerts_unbroken
      OR :province_alerts_since <= :province_alerts_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(w.alerts, 0)
  END AS province_alerts_open,
  CASE
    WHEN :province_alerts_unbroken
      OR :province_alerts_since <= :province_alerts_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(w.urgent, 0)
  END AS province_alerts_urgent,
  CASE
    WHEN :province_alerts_unbroken
      OR :province_alerts_since <= :province_alerts_through + 1 - INTERVAL 12 MONTH
      THEN :province_alerts_through - w.first_on
  END AS province_alert_waiting
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN waiting AS w ON w.household_id = h.household_id
