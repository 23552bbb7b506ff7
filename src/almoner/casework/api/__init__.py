"""The HTTP API: departments send events and answer referrals; monitoring reads health and metrics."""
