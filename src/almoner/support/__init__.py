"""Programmes, then entitlements, then proposals."""
