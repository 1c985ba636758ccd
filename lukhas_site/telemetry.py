"""OpenTelemetry: on when an exporter is configured, absent otherwise.

OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) switches it on; the SDK reads the rest of the OTEL_* variables
itself. The API's requests get their server span from the edge (`lukhas_site.http.edge`), which is cheaper and lasts
as long as a stream; Django's own instrumentation covers the staff pages.
"""

import os

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from lukhas_site import __version__

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXCLUDED_URLS = "v1/,ofrep/,healthz,health,readyz,metrics,static/"


def configure() -> TracerProvider | None:
    """Sets up tracing if an endpoint is configured; None when there is none. Call before a handler is built."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - slow to import

    return install(OTLPSpanExporter())


def install(exporter: SpanExporter) -> TracerProvider:
    """Sends spans to `exporter`, and instruments Django. Both happen once a process: the SDK refuses a second."""
    from opentelemetry.instrumentation.django import DjangoInstrumentor  # noqa: PLC0415 - imports Django's settings

    provider = TracerProvider(resource=Resource.create({"service.name": "lukhas", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    os.environ.setdefault("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", EXCLUDED_URLS)
    DjangoInstrumentor().instrument()
    return provider


def flush() -> None:
    """Sends what has not been sent; called when the server stops."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush()
