"""Cases and referrals: their states, moves, history, lists and files."""
