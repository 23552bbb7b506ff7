-- What members could have and are not paid: counted where the lists are complete. A right counts once it has
-- met an ordinary payment run: a month before the last paid one.
-- able_adults: members of working age who are neither severely disabled nor at school; without any, the
-- registers see nearly all of a household's income.
-- Where a delivery of a list is missing, what rests on it is unknown.
-- The few who are disabled, old or at school are looked up; everybody is only counted.
WITH paid AS (
  SELECT
    person_id,
    bool_or(allowance = 'disability_nursing') AS nursing,
    bool_or(allowance = 'disability_living') AS living,
    bool_or(allowance = 'old_age') AS old_age
  FROM allowances_paid
  WHERE month = :allowances_paid_month
  GROUP BY person_id
),
disabled AS (
  SELECT person_id, arg_max(grade, recorded_on) AS grade, max(recorded_on) AS recorded_on
  FROM disability_register
  WHERE status = 'valid' AND recorded_on <= :as_of AND (valid_until IS NULL OR valid_until >= :as_of)
  GROUP BY person_id
),
supported AS (
  SELECT DISTINCT person_id
  FROM low_income_register
  WHERE category = 'extreme_poverty' AND recognised_on <= :as_of
    AND (ended_on IS NULL OR ended_on > :as_of) AND (valid_until IS NULL OR valid_until >= :as_of)
),
unable AS (
  SELECT person_id FROM disabled WHERE grade <= 2
  UNION
  SELECT person_id FROM school_register WHERE status = 'enrolled'
),
homes AS (
  SELECT
    household_id,
    count(*) FILTER (WHERE datesub('year', birth_date, :as_of) BETWEEN :able_age_from AND :able_age_to)
      AS adults
  FROM population_register
  WHERE status IN ('resident', 'away') AND household_id IS NOT NULL
  GROUP BY household_id
),
unable_adults AS (
  SELECT r.household_id, count(*) AS adults
  FROM unable AS u
  JOIN population_register AS r ON r.person_id = u.person_id
  WHERE r.status IN ('resident', 'away')
    AND datesub('year', r.birth_date, :as_of) BETWEEN :able_age_from AND :able_age_to
  GROUP BY r.household_id
),
due AS (
  SELECT
    r.household_id,
    count(*) FILTER (WHERE d.grade <= 2 AND NOT coalesce(paid.nursing, false)) AS nursing,
    count(*) FILTER (WHERE NOT coalesce(paid.living, false)) AS living
  FROM disabled AS d
  JOIN population_register AS r ON r.person_id = d.person_id
  LEFT JOIN supported ON supported.person_id = d.person_id
  LEFT JOIN paid ON paid.person_id = d.person_id
  WHERE r.status = 'resident'
    AND d.recorded_on <= :allowances_paid_month - INTERVAL 1 MONTH
    AND supported.person_id IS NULL
  GROUP BY r.household_id
),
old AS (
  SELECT r.household_id, count(*) FILTER (WHERE NOT coalesce(paid.old_age, false)) AS unpaid
  FROM population_register AS r
  LEFT JOIN paid ON paid.person_id = r.person_id
  WHERE r.status = 'resident'
    AND r.birth_date <= :allowances_paid_month - to_years(:old_age_allowance_age)
    AND datesub('year', r.birth_date, (:allowances_paid_month - INTERVAL 1 MONTH)::DATE)
    >= :old_age_allowance_age
  GROUP BY r.household_id
)
SELECT
  h.household_id,
  CASE
    WHEN :disability_register_unbroken
      AND coalesce(:population_register_unbroken, true)
      AND coalesce(:school_register_unbroken, true)
      THEN h.adults - coalesce(u.adults, 0)
  END AS able_adults,
  CASE
    WHEN :disability_register_unbroken
      AND :low_income_register_unbroken
      AND :allowances_paid_since <= :allowances_paid_month
      THEN coalesce(due.nursing, 0)
  END AS nursing_subsidies_unpaid,
  CASE
    WHEN :disability_register_unbroken
      AND :low_income_register_unbroken
      AND :allowances_paid_since <= :allowances_paid_month
      THEN coalesce(due.living, 0)
  END AS living_subsidies_unpaid,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN coalesce(old.unpaid, 0) END
    AS old_age_allowances_unpaid
FROM homes AS h
LEFT JOIN unable_adults AS u ON u.household_id = h.household_id
LEFT JOIN due ON due.household_id = h.household_id
LEFT JOIN old ON old.household_id = h.household_id
