"""Accounts: who may sign in, and what each person may see and do."""
