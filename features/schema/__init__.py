"""What the OpenAPI document says of feature flags."""
