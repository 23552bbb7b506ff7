-- What each person paid for care: in the 12 months that end at the feed's watermark, and for the dearest stay
-- of the last 3 of them. Where a period of these is missing, it is unknown.
WITH care AS (
  SELECT
    person_id,
    sum(self_paid) AS paid,
    max(self_paid) FILTER (
      WHERE kind = 'inpatient' AND settled_on > :medical_settlements_through - INTERVAL 3 MONTH
    ) AS stay
  FROM medical_settlements
  WHERE settled_on > :medical_settlements_through - INTERVAL 12 MONTH
    AND settled_on <= :medical_settlements_through
  GROUP BY person_id
),
supported AS (
  SELECT DISTINCT person_id
  FROM low_income_register
  WHERE category = 'extreme_poverty' AND recognised_on <= :as_of
    AND (ended_on IS NULL OR ended_on > :as_of) AND (valid_until IS NULL OR valid_until >= :as_of)
)
SELECT
  care.person_id,
  CASE
    WHEN :medical_settlements_unbroken
      OR :medical_settlements_since <= :medical_settlements_through + 1 - INTERVAL 12 MONTH
      THEN care.paid
  END AS care_paid_year,
  CASE
    WHEN :medical_settlements_unbroken
      OR :medical_settlements_since <= :medical_settlements_through + 1 - INTERVAL 3 MONTH
      THEN coalesce(care.stay, 0)
  END AS care_paid_stay,
  CASE WHEN :low_income_register_unbroken THEN supported.person_id IS NOT NULL END AS extreme_poverty_member
FROM care
LEFT JOIN supported ON supported.person_id = care.person_id
