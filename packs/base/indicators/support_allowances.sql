-- Persons whom an allowance can be about: in the register of disabled persons, on a list of low-income
-- people, or of the age of the old-age allowance.
-- Paid: in the last month that the list of allowances is complete for. Entries count from recognition until
-- they end or run out.
WITH listed AS (
  SELECT
    person_id,
    bool_or(category = 'extreme_poverty') AS extreme,
    bool_or(category = 'single_person') AS single,
    max(CASE care_grade WHEN 'full' THEN 2 WHEN 'half' THEN 1 WHEN 'self_care' THEN 0 END) AS care_grade,
    max(recognised_on) FILTER (WHERE category IN ('extreme_poverty', 'single_person')) AS recognised_on
  FROM low_income_register
  WHERE recognised_on <= :as_of
    AND (ended_on IS NULL OR ended_on > :as_of)
    AND (valid_until IS NULL OR valid_until >= :as_of)
  GROUP BY person_id
),
concerned AS (
  SELECT person_id FROM listed
  UNION
  SELECT person_id FROM disability_register WHERE recorded_on <= :as_of
  UNION
  SELECT person_id
  FROM population_register
  WHERE status IN ('resident', 'away')
    AND birth_date <= :as_of + 1 - to_years(:old_age_allowance_age)
    AND datesub('year', birth_date, :as_of) >= :old_age_allowance_age
),
paid AS (
  SELECT
    a.person_id,
    sum(a.amount) FILTER (WHERE a.allowance = 'disability_living') AS living,
    sum(a.amount) FILTER (WHERE a.allowance = 'disability_nursing') AS nursing,
    sum(a.amount) FILTER (WHERE a.allowance = 'old_age') AS old_age,
    sum(a.amount) FILTER (WHERE a.allowance = 'child') AS child,
    sum(a.amount) FILTER (WHERE a.allowance = 'care') AS care,
    sum(a.amount) FILTER (WHERE a.allowance = 'extreme_poverty') AS extreme
  FROM allowances_paid AS a
  WHERE a.month = :allowances_paid_month
  GROUP BY a.person_id
)
SELECT
  r.person_id,
  datesub('year', r.birth_date, :as_of) AS person_age,
  r.status IN ('resident', 'away') AS person_present,
  CASE WHEN :low_income_register_unbroken THEN coalesce(listed.extreme, false) END AS person_extreme,
  CASE WHEN :low_income_register_unbroken THEN coalesce(listed.single, false) END AS person_single,
  listed.care_grade AS person_care_grade,
  datesub('month', listed.recognised_on, :as_of) AS person_listed_months,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN coalesce(paid.living, 0) END
    AS paid_disability_living,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN coalesce(paid.nursing, 0) END
    AS paid_disability_nursing,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN coalesce(paid.old_age, 0) END
    AS paid_old_age,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN coalesce(paid.child, 0) END AS paid_child,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN coalesce(paid.care, 0) END AS paid_care,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN coalesce(paid.extreme, 0) END
    AS paid_extreme
FROM concerned AS c
JOIN population_register AS r ON r.person_id = c.person_id
LEFT JOIN listed ON listed.person_id = c.person_id
LEFT JOIN paid ON paid.person_id = c.person_id
