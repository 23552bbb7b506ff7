-- Days since somebody last reached the person, counted to the watermark of the feed. Nobody on the visiting
-- list: no row, unknown.
SELECT
  person_id,
  :elderly_contacts_through - max(contacted_on) FILTER (WHERE reached) AS days_without_contact
FROM elderly_contacts
WHERE contacted_on <= :elderly_contacts_through
GROUP BY person_id
