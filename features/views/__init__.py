"""The views of feature flags."""
