"""Who is who, who lives with whom; facts with two clocks."""
