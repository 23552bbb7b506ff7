"""What a compiled pack is: feeds, indicators, signals, programmes, watch."""
