-- Water use of the last day that the feed is complete for, beside the person's own usual day (median of the 56 days before).
WITH span AS (
  SELECT least(:as_of, complete_through) AS last_day
  FROM feed
  WHERE feed = 'elderly_meters' AND complete_through IS NOT NULL
)
SELECT
  e.person_id,
  max(e.litres) FILTER (WHERE e.day = span.last_day) AS litres_last_day,
  median(e.litres) FILTER (WHERE e.day <= span.last_day - 7) AS litres_usual,
  span.last_day - max(e.day) FILTER (WHERE e.litres >= :meter_silent_litres) AS silent_days
FROM elderly_meters AS e
JOIN span ON e.day > span.last_day - 63 AND e.day <= span.last_day
GROUP BY e.person_id, span.last_day
