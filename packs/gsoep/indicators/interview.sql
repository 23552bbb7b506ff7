-- The last interview of the year that ends at the feed's watermark, beside the person's own past.
WITH span AS (
  SELECT least(:as_of, complete_through) AS last_day
  FROM feed
  WHERE feed = 'interviews' AND complete_through IS NOT NULL
)
SELECT
  i.person_id,
  max(i.panel_no) FILTER (WHERE i.interviewed_on > span.last_day - INTERVAL 12 MONTH) AS panel_no,
  max(i.income) FILTER (WHERE i.interviewed_on > span.last_day - INTERVAL 12 MONTH) AS income_now,
  avg(i.income) AS income_own_mean,
  avg(i.income) FILTER (WHERE i.interviewed_on <= span.last_day - INTERVAL 12 MONTH) AS income_before,
  max(i.hospital_visits) FILTER (WHERE i.interviewed_on > span.last_day - INTERVAL 12 MONTH) AS hospital_now,
  max(i.doctor_visits) FILTER (WHERE i.interviewed_on > span.last_day - INTERVAL 12 MONTH) AS doctor_now,
  bool_or(i.out_of_work) FILTER (WHERE i.interviewed_on > span.last_day - INTERVAL 12 MONTH)
    AS out_of_work_now,
  bool_and(NOT i.out_of_work) FILTER (WHERE i.interviewed_on <= span.last_day - INTERVAL 12 MONTH)
    AS in_work_before
FROM interviews AS i
JOIN span ON i.interviewed_on <= span.last_day
GROUP BY i.person_id
