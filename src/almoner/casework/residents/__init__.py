"""Communication with residents: notices, letters, grievances, corrections and walk-in applications."""
