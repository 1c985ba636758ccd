"""OpenTelemetry: on when an exporter is configured, absent otherwise.

OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) switches it on; the SDK reads the rest of the OTEL_* variables
itself. Every request gets its server span from the edge (`lukhas_site.http.edge`), which is cheap and lasts as long
as a stream; within it, Django's own instrumentation covers the staff pages, which alone go through MIDDLEWARE.
"""

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FLUSH_SECONDS = 5.0


def configure() -> "TracerProvider | None":
    """Sets up tracing if an endpoint is configured; None where there is none. Once a process: the SDK refuses a second
    provider. Call before a handler is built, which reads the middleware."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    from lukhas_site import exporting  # noqa: PLC0415 - takes a quarter of a second, and is of use here only

    return exporting.start()


def flush(provider: "TracerProvider") -> None:
    """Sends what has not been sent, when the server stops. Gives up after five seconds: a collector that is away must
    not keep the process."""
    sending = threading.Thread(target=provider.force_flush, daemon=True)
    sending.start()
    sending.join(FLUSH_SECONDS)
