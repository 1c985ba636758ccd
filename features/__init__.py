"""What is switched on: feature flags, segments and environments. Not yet: see docs/roadmap.md."""
