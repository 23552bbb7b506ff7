"""A pack's SQL: parsed, checked, and traced to the columns that it reads."""
