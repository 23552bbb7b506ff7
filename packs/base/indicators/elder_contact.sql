-- Days since somebody last reached the person, counted to the watermark of the feed. Nobody on the visiting
-- list: no row, unknown. Somebody may have come in a missing week: behind one only the days since it count.
SELECT
  person_id,
  :elderly_contacts_through - CASE
    WHEN :elderly_contacts_unbroken OR max(contacted_on) FILTER (WHERE reached) >= :elderly_contacts_since
      THEN max(contacted_on) FILTER (WHERE reached)
    WHEN max(contacted_on) FILTER (WHERE reached) IS NOT NULL THEN :elderly_contacts_since - 1
  END AS days_without_contact
FROM elderly_contacts
WHERE contacted_on <= :elderly_contacts_through
GROUP BY person_id
