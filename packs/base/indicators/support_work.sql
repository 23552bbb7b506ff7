-- Persons in or for a public post: whether one is held, and how many months were spent in public posts in
-- all.
WITH posts AS (
  SELECT
    person_id,
    bool_or(ended_on IS NULL OR ended_on > :as_of) AS held,
    sum(datesub('month', started_on, least(coalesce(ended_on, :as_of), :as_of))) AS months
  FROM public_posts
  WHERE started_on <= :as_of
  GROUP BY person_id
),
known AS (
  SELECT person_id FROM posts
  UNION
  SELECT person_id FROM registered_unemployment WHERE registered_on <= :as_of
)
SELECT
  k.person_id,
  CASE WHEN :public_posts_unbroken THEN coalesce(posts.held, false) END AS post_held,
  CASE WHEN :public_posts_unbroken THEN coalesce(posts.months, 0) END AS post_months
FROM known AS k
LEFT JOIN posts ON posts.person_id = k.person_id
