"""Cases, referrals with clocks, the vault and the console (Django)."""
