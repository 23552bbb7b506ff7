-- Days since somebody last reached the person, counted to the watermark of the feed. Nobody on the visiting list: no row, unknown.
SELECT
  c.person_id,
  :elderly_contacts_through - max(c.contacted_on) FILTER (WHERE c.reached) AS days_without_contact
FROM elderly_contacts AS c
WHERE c.contacted_on <= :elderly_contacts_through
GROUP BY c.person_id
