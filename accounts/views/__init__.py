"""What accounts answers under /api."""
