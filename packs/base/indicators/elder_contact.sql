-- Days since somebody last reached the person, counted to the watermark of the feed. Nobody on the visiting list: no row, unknown.
SELECT
  c.person_id,
  least(:as_of, f.complete_through) - max(c.contacted_on) FILTER (WHERE c.reached) AS days_without_contact
FROM elderly_contacts AS c
JOIN feed AS f ON f.feed = 'elderly_contacts'
WHERE c.contacted_on <= least(:as_of, f.complete_through)
GROUP BY c.person_id, f.complete_through
