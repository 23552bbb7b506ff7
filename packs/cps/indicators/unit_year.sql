-- Each tax unit with its incomes of the year, by month.
SELECT
  household_id,
  members AS unit_members,
  children AS unit_children,
  young_children AS unit_young_children,
  couple AS unit_couple,
  aged AS unit_aged,
  blind AS unit_blind,
  interest AS unit_interest,
  greatest(earnings + business, 0) / 12 AS earned_month,
  (interest + dividends + pensions + unemployment + social_security) / 12 AS unearned_month
FROM tax_units
