-- What the household was paid in the 12 months that end today, by programme and cause; repair of the house in
-- 60 months.
-- A household in no list has been paid nothing, as far as the list was ever delivered and no period of the
-- window is missing.
WITH payments AS (
  SELECT person_id, 'aid ' || cause AS what, amount
  FROM temporary_assistance_paid
  WHERE paid_on > :as_of - INTERVAL 12 MONTH AND paid_on <= :as_of
  UNION ALL
  SELECT person_id, 'medical', amount
  FROM medical_assistance_paid
  WHERE paid_on > :as_of - INTERVAL 12 MONTH AND paid_on <= :as_of
  UNION ALL
  SELECT person_id, 'charity', amount
  FROM charity_aid
  WHERE paid_on > :as_of - INTERVAL 12 MONTH AND paid_on <= :as_of
  UNION ALL
  SELECT person_id, 'disaster', amount
  FROM disaster_relief_paid
  WHERE paid_on > :as_of - INTERVAL 12 MONTH AND paid_on <= :as_of
  UNION ALL
  SELECT person_id, 'repair', amount
  FROM house_repair_paid
  WHERE paid_on > :as_of - INTERVAL 60 MONTH AND paid_on <= :as_of
),
paid AS (
  SELECT
    m.household_id,
    sum(p.amount) FILTER (WHERE p.what = 'aid illness') AS aid_illness,
    sum(p.amount) FILTER (WHERE p.what = 'aid income') AS aid_income,
    sum(p.amount) FILTER (WHERE p.what = 'aid disaster') AS aid_disaster,
    sum(p.amount) FILTER (WHERE p.what = 'aid other') AS aid_other,
    sum(p.amount) FILTER (WHERE p.what = 'medical') AS medical,
    sum(p.amount) FILTER (WHERE p.what = 'charity') AS charity,
    sum(p.amount) FILTER (WHERE p.what = 'disaster') AS disaster,
    sum(p.amount) FILTER (WHERE p.what = 'repair') AS repair
  FROM payments AS p
  JOIN member AS m ON m.person_id = p.person_id
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN :temporary_assistance_paid_unbroken
      OR :temporary_assistance_paid_since <= :as_of + 1 - INTERVAL 12 MONTH
      THEN coalesce(paid.aid_illness, 0)
  END AS received_aid_illness,
  CASE
    WHEN :temporary_assistance_paid_unbroken
      OR :temporary_assistance_paid_since <= :as_of + 1 - INTERVAL 12 MONTH
      THEN coalesce(paid.aid_income, 0)
  END AS received_aid_income,
  CASE
    WHEN :temporary_assistance_paid_unbroken
      OR :temporary_assistance_paid_since <= :as_of + 1 - INTERVAL 12 MONTH
      THEN coalesce(paid.aid_disaster, 0)
  END AS received_aid_disaster,
  CASE
    WHEN :temporary_assistance_paid_unbroken
      OR :temporary_assistance_paid_since <= :as_of + 1 - INTERVAL 12 MONTH
      THEN coalesce(paid.aid_other, 0)
  END AS received_aid_other,
  CASE WHEN :medical_assistance_paid_through IS NOT NULL THEN coalesce(paid.medical, 0) END
    AS received_medical,
  CASE WHEN :charity_aid_through IS NOT NULL THEN coalesce(paid.charity, 0) END AS received_charity,
  CASE WHEN :disaster_relief_paid_through IS NOT NULL THEN coalesce(paid.disaster, 0) END
    AS received_disaster_relief,
  CASE WHEN :house_repair_paid_through IS NOT NULL THEN coalesce(paid.repair, 0) END AS received_house_repair
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN paid ON paid.household_id = h.household_id
