"""Webhooks that notify departments' own systems of their referrals: CloudEvents, signed, delivered at least
once.

Departments answer through the API.
"""
