"""The exporter of traces. Imported where tracing is switched on: see `lukhas_site.telemetry`."""

import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from lukhas_site import __version__

EXCLUDED_URLS = "/static/"


def start() -> TracerProvider:
    """Sends spans to the collector that the OTEL_* variables name, and has Django's own handler make some."""
    resource = Resource.create({"service.name": "lukhas", "service.version": __version__})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    excluded = os.environ.get("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", EXCLUDED_URLS)
    DjangoInstrumentor().instrument(excluded_urls=excluded)
    return provider
