"""OpenTelemetry, from requests on a real server to what a collector receives."""

import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lukhas_site import __version__, telemetry
from tests.processes import eventually, free_port
from tests.site.conftest import Install

TRACE = "0af7651916cd43dd8448eb211c80319c"
SERVER, INTERNAL = 2, 1
LOADED = """
import sys
from lukhas_site import asgi
wanted = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.instrumentation")
print(asgi.TRACING, [name for name in sys.modules if name.startswith(wanted)])
"""


class Collector:
    """What an OpenTelemetry collector receives by OTLP over HTTP."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Receive(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def resource(self) -> dict[str, str]:
        attributes = self.requests[0].resource_spans[0].resource.attributes
        return {attribute.key: attribute.value.string_value for attribute in attributes}

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def of_path(self, path: str) -> list[Any]:
        """The spans of the trace in which `path` was asked for, the outermost first."""
        traces = {
            span.trace_id
            for span in self.spans
            for attribute in span.attributes
            if attribute.key == "url.path" and attribute.value.string_value == path
        }
        return sorted(
            (span for span in self.spans if span.trace_id in traces), key=lambda span: span.start_time_unix_nano
        )


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


def test_the_spans_of_a_server_reach_the_collector_at_the_latest_when_it_stops(
    install: Install, collector: Collector
) -> None:
    site = install(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="60000")
    key = site.bootstrap()
    with site.serve() as served:
        traced = {"Authorization": f"Bearer {key}", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        answer = served.get("/v1/models", headers=traced)
        assert answer.headers["x-trace-id"] == TRACE
        assert served.get("/admin/login/").status_code == 200
        assert served.get("/static/nothing.css").status_code == 404
        assert collector.requests == []
        started = time.monotonic()
        assert served.stop(signal.SIGTERM) == -signal.SIGTERM
        assert time.monotonic() - started < telemetry.FLUSH_SECONDS
    assert collector.resource["service.name"] == "lukhas"
    assert collector.resource["service.version"] == __version__

    api = collector.of_path("/v1/models")
    assert [(span.name, span.kind) for span in api] == [("GET /v1/models", SERVER)], "one span, the edge's"
    assert api[0].trace_id.hex() == TRACE

    staff = collector.of_path("/admin/login/")
    assert [span.kind for span in staff] == [SERVER, INTERNAL], "Django's own is inside the edge's"
    assert staff[1].parent_span_id == staff[0].span_id
    assert staff[1].name == "GET admin/login/"

    assert [span.kind for span in collector.of_path("/static/nothing.css")] == [SERVER]


def test_the_names_that_operators_give_go_before_ours(install: Install, collector: Collector) -> None:
    site = install(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/v1/traces",
        OTEL_SERVICE_NAME="gateway",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment=labs",
        OTEL_PYTHON_DJANGO_EXCLUDED_URLS="admin/login",
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    with site.serve() as served:
        served.get("/admin/login/")
        eventually(lambda: collector.of_path("/admin/login/"), 20, "spans are sent while the server runs")
    assert collector.resource["service.name"] == "gateway"
    assert collector.resource["deployment.environment"] == "labs"
    assert [span.kind for span in collector.of_path("/admin/login/")] == [SERVER]


def test_a_collector_that_is_away_costs_no_request_and_keeps_no_server_from_ending(install: Install) -> None:
    site = install(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    with site.serve() as served:
        assert served.get("/healthz").status_code == 200
        started = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - started < telemetry.FLUSH_SECONDS + 5


def test_without_an_endpoint_nothing_is_traced_and_nothing_for_it_imported(install: Install) -> None:
    site = install()
    (site.data / "static").mkdir(parents=True)
    assert site.manage("shell", "-v", "0", "-c", LOADED).stdout == "None []\n"
    with site.serve() as served:
        assert "x-trace-id" not in served.get("/healthz").headers
