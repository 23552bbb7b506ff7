"""A console filled with made-up cases, and the times of its pages."""
