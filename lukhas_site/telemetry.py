"""OpenTelemetry: on when an exporter is configured, absent otherwise.

OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) switches it on; the SDK reads the rest of the OTEL_* variables
itself. Every request gets its server span from the edge (`lukhas_site.http.edge`), which is cheap and lasts as long
as a stream; within it, Django's own instrumentation covers the staff pages, which alone go through MIDDLEWARE.
"""

import os
import threading
from typing import TYPE_CHECKING

from lukhas_site import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXCLUDED_URLS = "/static/"
FLUSH_SECONDS = 5.0


def configure() -> "TracerProvider | None":
    """Sets up tracing if an endpoint is configured; None where there is none. Once a process: the SDK refuses a second
    provider. Call before a handler is built, which reads the middleware."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    # Without tracing nothing of this is needed, and it takes a quarter of a second to import.
    from opentelemetry import trace  # noqa: PLC0415 - only where it is switched on: slow to import
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - likewise
    from opentelemetry.instrumentation.django import DjangoInstrumentor  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise

    resource = Resource.create({"service.name": "lukhas", "service.version": __version__})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    excluded = os.environ.get("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", EXCLUDED_URLS)
    DjangoInstrumentor().instrument(excluded_urls=excluded)
    return provider


def flush(provider: "TracerProvider") -> None:
    """Sends what has not been sent, when the server stops. Gives up after five seconds: a collector that is away must
    not keep the process."""
    sending = threading.Thread(target=provider.force_flush, daemon=True)
    sending.start()
    sending.join(FLUSH_SECONDS)
