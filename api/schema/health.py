"""/healthz, /health, /readyz and /metrics in the document."""

from typing import Any

from rest_framework import serializers

from api.schema.shapes import NULLABLE, OPTIONAL, constant, shape, text

Guardian = shape(
    "GuardianState",
    "What the guardian, which can veto requests, did last.",
    {
        "enabled": serializers.BooleanField(),
        "last_veto_ts": serializers.DateTimeField(**NULLABLE),
        "last_reason_code": text(**NULLABLE),
        "error": text("Why its state could not be read.", **OPTIONAL),
    },
)
Health = shape(
    "Health",
    "The process answers.",
    {
        "status": constant("healthy"),
        "timestamp": serializers.DateTimeField(),
        "version": text(),
        "lane": text("Which installation this is: the setting LUKHAS_LANE."),
        "guardian": Guardian(),
    },
)
Check = shape(
    "ReadinessCheck", "The outcome of one check.", {"ok": serializers.BooleanField(), "detail": text("A word on it.")}
)
Readiness = shape(
    "Readiness",
    "Whether the server can do its work.",
    {
        "status": serializers.ChoiceField(choices=["ready", "not ready"]),
        "checks": serializers.DictField(
            child=Check(), help_text="By name: database, cache, migrations, models, upstreams, flags, journal, events."
        ),
    },
)
HEALTHY: dict[str, Any] = {
    "status": "healthy",
    "timestamp": "2025-11-25T00:00:00+00:00",
    "version": "0.1.0",
    "lane": "prod",
    "guardian": {"enabled": False, "last_veto_ts": None, "last_reason_code": None},
}
READY: dict[str, Any] = {
    "status": "ready",
    "checks": {
        "database": {"ok": True, "detail": "sqlite"},
        "cache": {"ok": True, "detail": "LocMemCache"},
        "migrations": {"ok": True, "detail": "applied"},
        "models": {"ok": True, "detail": "loaded"},
        "upstreams": {"ok": True, "detail": "none is left alone"},
        "flags": {"ok": True, "detail": "version 12"},
        "journal": {"ok": True, "detail": "empty"},
        "events": {"ok": True, "detail": "empty"},
    },
}
NOT_READY: dict[str, Any] = READY | {
    "status": "not ready",
    "checks": READY["checks"] | {"models": {"ok": False, "detail": "loading: embedded-chat"}},
}
METRICS = """\
# HELP lukhas_http_requests_total Requests that were answered; status 499 where the caller hung up first.
# TYPE lukhas_http_requests_total counter
lukhas_http_requests_total{method="POST",route="/v1/chat/completions",status="200"} 1027.0
"""
