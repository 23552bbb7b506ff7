-- What came over the household: the house, a disaster, a request for help.
-- House: each owner's latest assessment, as long as it is not repaired; nobody assessed is unknown.
-- A disaster counts for 90 days, and for a year as long as no relief was paid after it; its windows end at
-- the watermark of the feed.
-- A request counts for 30 days from its own day on: who asked at the desk has asked, also before the feed is
-- complete for that day.
WITH assessed AS (
  SELECT
    person_id,
    arg_max(grade, assessed_on) AS grade,
    arg_max(coalesce(repaired_on, DATE '9999-12-31'), assessed_on) AS repaired_on
  FROM house_safety
  WHERE assessed_on <= :as_of
  GROUP BY person_id
),
house AS (
  SELECT
    m.household_id,
    bool_or(a.grade = 'D' AND a.repaired_on > :as_of) AS dangerous,
    bool_or(a.grade = 'C' AND a.repaired_on > :as_of) AS damaged_part,
    bool_or(a.grade = 'none' AND a.repaired_on > :as_of) AS missing
  FROM assessed AS a
  JOIN member AS m ON m.person_id = a.person_id
  GROUP BY m.household_id
),
relief AS (
  SELECT m.household_id, max(p.paid_on) AS paid_on
  FROM disaster_relief_paid AS p
  JOIN member AS m ON m.person_id = p.person_id
  WHERE p.paid_on <= :as_of
  GROUP BY m.household_id
),
disaster AS (
  SELECT
    m.household_id,
    sum(d.loss) AS loss,
    bool_or(d.house_damaged) AS house_damaged,
    max(d.happened_on) AS happened_on
  FROM disaster_losses AS d
  JOIN member AS m ON m.person_id = d.person_id
  LEFT JOIN relief ON relief.household_id = m.household_id
  WHERE d.happened_on <= :disaster_losses_through
    AND (
      d.happened_on > :disaster_losses_through - 90
      OR (
        d.happened_on > :disaster_losses_through - INTERVAL 12 MONTH
        AND d.happened_on > coalesce(relief.paid_on, DATE '1900-01-01')
      )
    )
  GROUP BY m.household_id
),
request AS (
  SELECT
    m.household_id,
    count(*) AS requests,
    count(*) FILTER (WHERE q.matter IN ('care', 'housing', 'disaster')) AS urgent
  FROM help_requests AS q
  JOIN member AS m ON m.person_id = q.person_id
  WHERE q.requested_on > :as_of - 30 AND q.requested_on <= :as_of
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  house.dangerous AS house_dangerous,
  house.damaged_part AS house_damaged_part,
  house.missing AS house_missing,
  CASE WHEN :disaster_losses_through IS NOT NULL THEN coalesce(disaster.loss, 0) END AS disaster_loss,
  CASE WHEN :disaster_losses_through IS NOT NULL THEN coalesce(disaster.house_damaged, false) END
    AS disaster_house_damaged,
  :disaster_losses_through - disaster.happened_on AS disaster_days,
  CASE
    WHEN request.requests IS NOT NULL THEN request.requests
    WHEN :help_requests_unbroken OR :help_requests_since <= :as_of - 29 THEN 0
  END AS help_requests_recent,
  CASE
    WHEN request.urgent IS NOT NULL THEN request.urgent
    WHEN :help_requests_unbroken OR :help_requests_since <= :as_of - 29 THEN 0
  END AS help_requests_urgent
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN house ON house.household_id = h.household_id
LEFT JOIN disaster ON disaster.household_id = h.household_id
LEFT JOIN request ON request.household_id = h.household_id
