-- Whether members stand on the city's list of the low-income population today, and in how many categories.
-- Where the list is complete, no entry is none; where a delivery is missing, it is unknown.
WITH listed AS (
  SELECT m.household_id, count(DISTINCT l.category_code) AS categories, count(DISTINCT l.person_id) AS members
  FROM city_low_income_list AS l
  JOIN member AS m ON m.person_id = l.person_id
  WHERE l.listed_on <= :city_low_income_list_through
    AND (l.ended_on IS NULL OR l.ended_on > :city_low_income_list_through)
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE WHEN :city_low_income_list_unbroken THEN coalesce(l.categories, 0) END AS city_list_categories,
  CASE WHEN :city_low_income_list_unbroken THEN coalesce(l.members, 0) END AS city_list_members
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN listed AS l ON l.household_id = h.household_id
