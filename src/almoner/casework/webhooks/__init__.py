"""Telling departments' own systems of their referrals: CloudEvents, signed, at least once. They answer
over the API."""
