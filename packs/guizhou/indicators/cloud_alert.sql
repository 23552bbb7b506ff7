-- Alerts of the province's platform that wait for an answer. An alert is answered when the check found no
-- risk, or when help has begun;
-- "watch" without help goes on waiting. Alerts older than a year belong to another round. Where the feed is
-- complete, no alert is none; where a period of the window is missing, it is unknown.
WITH waiting AS (
  SELECT
    m.household_id,
    count(*) AS alerts,
    min(a.alerted_on) AS first_on,
    count(*) FILTER (WHERE a.checked_on IS NULL) AS unchecked,
    count(*) FILTER (WHERE a.outcome = 'monitored') AS confirmed
  FROM cloud_alerts AS a
  JOIN member AS m ON m.person_id = a.person_id
  WHERE a.alerted_on > :cloud_alerts_through - INTERVAL 12 MONTH AND a.alerted_on <= :cloud_alerts_through
    AND a.helped_on IS NULL AND a.outcome IS DISTINCT FROM 'no_risk'
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN :cloud_alerts_unbroken OR :cloud_alerts_since <= :cloud_alerts_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(w.alerts, 0)
  END AS cloud_alerts_waiting,
  CASE
    WHEN :cloud_alerts_unbroken OR :cloud_alerts_since <= :cloud_alerts_through + 1 - INTERVAL 12 MONTH
      THEN :cloud_alerts_through - w.first_on
  END AS cloud_alert_days,
  CASE
    WHEN :cloud_alerts_unbroken OR :cloud_alerts_since <= :cloud_alerts_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(w.unchecked, 0)
  END AS cloud_alerts_unchecked,
  CASE
    WHEN :cloud_alerts_unbroken OR :cloud_alerts_since <= :cloud_alerts_through + 1 - INTERVAL 12 MONTH
      THEN coalesce(w.confirmed, 0)
  END AS cloud_alerts_confirmed
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN waiting AS w ON w.household_id = h.household_id
