"""The roof: settings, URLs, the ASGI application, health and telemetry. Wiring, no rules."""

__version__ = "0.1.0"
