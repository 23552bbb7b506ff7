"""What residents are told and say: notices, letters, corrections, appeals, walk-in applications."""
