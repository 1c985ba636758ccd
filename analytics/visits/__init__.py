"""Visits, derived from events."""
