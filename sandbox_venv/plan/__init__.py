"""Policy, venv and closure become a plan (cold)."""
