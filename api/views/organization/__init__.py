"""The Admin API: /v1/organization/…, for admin keys."""
