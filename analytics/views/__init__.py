"""What analytics answers under /api/analytics."""
