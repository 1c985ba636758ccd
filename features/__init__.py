"""What is switched on: feature flags, segments and environments."""
