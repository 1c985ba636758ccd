"""What every answer has in common, whoever makes it; and what never gets past the edge."""

import asyncio
import http.client
import json
import re
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rest_framework.exceptions import NotFound

from lukhas_site.http import edge as edges
from lukhas_site.http.edge import Edge
from lukhas_site.http.exchange import KEY

Ask = Callable[..., Awaitable[Any]]
MakeEdge = Callable[..., Edge]


async def read_body(receive: Any) -> bytes | None:
    """The whole body; None when the caller hung up."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return body


async def respond(send: Any, body: bytes = b"{}", status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    own = [(b"Content-Type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": body})


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Tells the length of the body; the paths of the tests that want something else say so."""
    match scope["path"]:
        case "/crash":
            raise RuntimeError("the secret of the crash")
        case "/missing":
            raise NotFound("no such thing")
        case "/silent":
            return
        case "/late-crash":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise RuntimeError("too late")
        case "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"text/plain")]})
            for _ in range(3):
                await send({"type": "http.response.body", "body": b"x" * 2000, "more_body": True})
            await send({"type": "http.response.body"})
        case "/own-csp":
            await respond(
                send, b"", 200, (b"Content-Security-Policy", b"default-src 'self'"), (b"X-Frame-Options", b"ALLOW")
            )
        case "/empty":
            await respond(send, b"", 204)
        case "/stage":
            exchange = scope[KEY]
            exchange.headers |= {"X-RateLimit-Limit-Requests": "60", "Content-Type": "text/plain"}
            exchange.facts |= {"model": "echo", "input_tokens": 3}
            exchange.organization = "acme"
            exchange.route = "/stage"
            await respond(send)
        case _:
            body = await read_body(receive)
            if body is not None:
                await respond(send, str(len(body)).encode())


SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/crash", "/missing", "/stream", "/empty", "/silent"])
    async def test_every_answer_carries_them(self, edge: MakeEdge, ask: Ask, path: str) -> None:
        answer = await ask(edge(app), path=path)

        assert answer.headers.items() >= SECURITY.items()
        assert "permissions-policy" in answer.headers
        assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])
        assert answer.headers["openai-version"] == "2020-10-01"
        assert re.fullmatch(r"\d+", answer.headers["openai-processing-ms"])
        assert "strict-transport-security" not in answer.headers
        assert "x-trace-id" not in answer.headers

    async def test_hsts_comes_with_tls(self, edge: MakeEdge, ask: Ask) -> None:
        answer = await ask(edge(app), scheme="https")

        assert answer.headers["strict-transport-security"] == "max-age=31536000"

    async def test_an_answer_keeps_its_own_policy_but_not_its_own_frame_options(self, edge: MakeEdge, ask: Ask) -> None:
        answer = await ask(edge(app), path="/own-csp")

        assert answer.headers["content-security-policy"] == "default-src 'self'"
        assert answer.headers["x-frame-options"] == "DENY"

    async def test_the_organization_is_the_settings_until_a_caller_is_known(
        self, edge: MakeEdge, ask: Ask, settings: Any
    ) -> None:
        settings.LUKHAS_ORGANIZATION = "home"

        assert (await ask(edge(app))).headers["openai-organization"] == "home"
        assert (await ask(edge(app), path="/stage")).headers["openai-organization"] == "acme"

    async def test_stages_add_headers_but_do_not_replace_the_answers_own(self, edge: MakeEdge, ask: Ask) -> None:
        answer = await ask(edge(app), path="/stage")

        assert answer.headers["x-ratelimit-limit-requests"] == "60"
        assert answer.headers["content-type"] == "application/json"

    async def test_a_complete_body_has_a_length_and_a_stream_has_none(self, edge: MakeEdge, ask: Ask) -> None:
        assert (await ask(edge(app))).headers["content-length"] == "1"
        stream = await ask(edge(app), path="/stream", headers=[("Accept-Encoding", "gzip")])
        assert "content-length" not in stream.headers
        assert "content-encoding" not in stream.headers
        assert stream.pieces == [b"x" * 2000] * 3 + [b""]

    async def test_an_answer_without_content_has_no_length(self, edge: MakeEdge, ask: Ask) -> None:
        assert "content-length" not in (await ask(edge(app), path="/empty")).headers
        assert "content-length" not in (await ask(edge(app), "HEAD", "/own-csp")).headers

    async def test_what_is_not_http_goes_through_untouched(self, edge: MakeEdge) -> None:
        seen = []

        async def inner(*args: Any) -> None:
            seen.append(args)

        scope, receive, send = {"type": "lifespan"}, object(), object()
        await edge(inner)(scope, receive, send)

        assert seen == [(scope, receive, send)]


class TestClientRequestId:
    @pytest.mark.parametrize("given", ["mine-1", "x" * 512])
    async def test_it_is_logged_beside_ours(self, edge: MakeEdge, ask: Ask, log: list[Any], given: str) -> None:
        answer = await ask(edge(app), headers=[("X-Client-Request-Id", given)])

        assert log[0]["client_request_id"] == given
        assert log[0]["request_id"] == answer.headers["x-request-id"]

    @pytest.mark.parametrize("given", ["x" * 513, "caf\xe9"])
    async def test_one_that_is_too_long_or_not_ascii_is_refused(
        self, edge: MakeEdge, ask: Ask, log: list[Any], given: str
    ) -> None:
        answer = await ask(edge(app), headers=[("X-Client-Request-Id", given)])

        assert answer.status == 400
        assert b"X-Client-Request-Id" in answer.body
        assert "client_request_id" not in log[0]


class TestErrors:
    async def test_a_crash_is_a_500_that_tells_nothing_but_the_request_id(
        self, edge: MakeEdge, ask: Ask, log: list[Any]
    ) -> None:
        answer = await ask(edge(app), path="/crash")

        assert answer.status == 500
        assert json.loads(answer.body) == {"problem": "crash", "request": answer.headers["x-request-id"]}
        crash, request = log
        assert (crash["event"], str(crash["exc_info"])) == ("crash", "the secret of the crash")
        assert crash["request_id"] == answer.headers["x-request-id"]
        assert (request["event"], request["status"], request["log_level"]) == ("request", 500, "error")

    async def test_an_expected_exception_is_rendered_and_is_no_crash(
        self, edge: MakeEdge, ask: Ask, log: list[Any]
    ) -> None:
        assert (await ask(edge(app), path="/missing")).status == 404
        assert [line["event"] for line in log] == ["request"]

    async def test_an_application_that_says_nothing_is_a_500(self, edge: MakeEdge, ask: Ask) -> None:
        assert (await ask(edge(app), path="/silent")).status == 500

    async def test_a_crash_in_mid_answer_cuts_it_off(self, edge: MakeEdge, caller: Any, log: list[Any]) -> None:
        call = caller(path="/late-crash")

        with pytest.raises(RuntimeError, match="too late"):
            await call.call(edge(app))

        assert call.answer.body == b"half"
        assert [(line["event"], line.get("status")) for line in log] == [("crash", None), ("request", 500)]

    def test_over_a_socket_half_an_answer_is_not_taken_for_a_whole_one(self, edge: MakeEdge, serve: Any) -> None:
        with serve(edge(app)) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/late-crash")
            with pytest.raises(http.client.IncompleteRead):
                connection.getresponse().read()
            connection.close()


class TestLog:
    async def test_one_line_a_request_with_the_facts_and_without_the_query(
        self, edge: MakeEdge, ask: Ask, log: list[Any]
    ) -> None:
        await ask(
            edge(app), "POST", "/stage", query_string=b"key=sk-secret", headers=[("Authorization", "Bearer sk-1")]
        )

        (line,) = log
        duration = line.pop("duration_ms")
        assert 0 <= duration < 10_000
        assert line.pop("request_id").startswith("req_")
        assert line == {
            "event": "request",
            "log_level": "info",
            "method": "POST",
            "path": "/stage",
            "status": 200,
            "bytes": 2,
            "model": "echo",
            "input_tokens": 3,
        }

    async def test_bytes_are_those_sent(self, edge: MakeEdge, ask: Ask, log: list[Any]) -> None:
        await ask(edge(app), path="/stream")

        assert log[0]["bytes"] == 6000

    async def test_a_caller_who_hangs_up_is_a_499(self, edge: MakeEdge, caller: Any, log: list[Any]) -> None:
        call = caller("POST", chunks=[b"half"], complete=False)
        call.hang_up.set()

        answer = await call.call(edge(app))

        assert answer.messages == []
        assert log[0]["status"] == 499

    async def test_listening_after_the_answer_is_no_hanging_up(
        self, edge: MakeEdge, caller: Any, log: list[Any]
    ) -> None:
        async def listens_on(scope: Any, receive: Any, send: Any) -> None:
            await respond(send)
            while (await receive())["type"] != "http.disconnect":
                pass

        call = caller()
        call.hang_up.set()
        await call.call(edge(listens_on))

        assert log[0]["status"] == 200

    async def test_a_request_cut_off_by_the_end_of_the_process_is_logged(
        self, edge: MakeEdge, caller: Any, log: list[Any]
    ) -> None:
        async def waits(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.Event().wait()

        task = asyncio.create_task(caller().call(edge(waits)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert log[0]["status"] == 500


class TestBodyLimit:
    @pytest.fixture(autouse=True)
    def limit(self, settings: Any) -> None:
        settings.LUKHAS_MAX_BODY_BYTES = 100

    async def test_a_body_of_the_limit_is_accepted(self, edge: MakeEdge, ask: Ask) -> None:
        headers = [("Content-Length", "100")]
        assert (await ask(edge(app), "POST", headers=headers, chunks=[b"x" * 60, b"x" * 40])).body == b"100"

    @pytest.mark.parametrize("headers", [[], [("Content-Length", "150")], [("Content-Length", "what")]])
    async def test_a_larger_one_is_read_to_its_end_and_refused(
        self, edge: MakeEdge, caller: Any, headers: Any, log: list[Any]
    ) -> None:
        call = caller("POST", headers=headers, chunks=[b"x" * 50] * 3)

        answer = await call.call(edge(app))

        assert answer.status == 413
        assert b"100 bytes" in answer.body
        assert answer.headers.items() >= SECURITY.items()
        assert "connection" not in answer.headers
        assert call.received == 150
        assert [line["status"] for line in log] == [413]

    async def test_what_never_ends_is_not_read_forever(self, edge: MakeEdge, caller: Any) -> None:
        call = caller("POST", chunks=[b"x" * 50] * 100)

        answer = await call.call(edge(app))

        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert call.received < 500

    async def test_what_comes_too_slowly_is_not_waited_for(
        self, edge: MakeEdge, caller: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(edges, "_DRAIN_SECONDS", 0.02)
        answer = await caller("POST", chunks=[b"x" * 101], complete=False).call(edge(app))

        assert (answer.status, answer.headers["connection"]) == (413, "close")

    @pytest.mark.parametrize(
        "headers", [[("Content-Length", "101"), ("Expect", "100-continue")], [("Content-Length", "401")]]
    )
    async def test_what_is_announced_as_far_too_large_is_not_read_at_all(
        self, edge: MakeEdge, caller: Any, headers: Any
    ) -> None:
        call = caller("POST", headers=headers, chunks=[b"x" * 101])

        answer = await call.call(edge(app))

        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert call.received == 0

    async def test_a_caller_who_hangs_up_meanwhile_is_let_go(self, edge: MakeEdge, caller: Any) -> None:
        call = caller("POST", chunks=[b"x" * 101], complete=False)
        call.hang_up.set()

        assert (await call.call(edge(app))).status == 413

    async def test_to_the_application_it_looks_like_hanging_up(self, edge: MakeEdge, ask: Ask) -> None:
        seen = []

        async def asks_twice(scope: Any, receive: Any, send: Any) -> None:
            seen.append((await receive())["type"])
            seen.append((await receive())["type"])

        answer = await ask(edge(asks_twice), "POST", chunks=[b"x" * 101])

        assert seen == ["http.disconnect"] * 2
        assert answer.status == 413

    async def test_an_answer_that_had_begun_goes_on(self, edge: MakeEdge, ask: Ask) -> None:
        async def answers_first(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await receive()
            await send({"type": "http.response.body", "body": b"b"})

        answer = await ask(edge(answers_first), "POST", chunks=[b"x" * 101])

        assert (answer.status, answer.body) == (200, b"ab")


class TestBodyLimitOverASocket:
    LIMIT = 1024 * 1024

    @pytest.fixture
    def port(self, edge: MakeEdge, serve: Any, settings: Any) -> Any:
        settings.LUKHAS_MAX_BODY_BYTES = self.LIMIT
        with serve(edge(app)) as port:
            yield port

    @pytest.mark.parametrize("chunked", [True, False])
    def test_the_client_reads_its_413_and_the_connection_still_works(self, port: int, chunked: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        pieces = [b"x" * 65536] * 40
        connection.request("POST", "/", body=iter(pieces) if chunked else b"".join(pieces), encode_chunked=chunked)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["problem"]) == (
            413,
            f"The request body is larger than the {self.LIMIT} bytes this server accepts.",
        )
        connection.request("POST", "/", body=b"x" * 10)
        assert connection.getresponse().read() == b"10"
        connection.close()

    def test_who_asks_before_sending_is_refused_before_sending(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 413 ")

    def test_who_asks_before_sending_little_may_send(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"abc")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")

    def test_who_hangs_up_in_mid_body_harms_nobody(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\nabc")
            time.sleep(0.05)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/", body=b"x" * 10)
        assert connection.getresponse().read() == b"10"
        connection.close()


class TestTracing:
    @pytest.fixture
    def spans(self) -> InMemorySpanExporter:
        return InMemorySpanExporter()

    @pytest.fixture
    def tracer(self, spans: InMemorySpanExporter) -> trace.Tracer:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        return provider.get_tracer("test")

    async def test_a_span_continues_the_callers_trace(
        self, edge: MakeEdge, ask: Ask, tracer: trace.Tracer, spans: InMemorySpanExporter
    ) -> None:
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        answer = await ask(edge(app, tracer=tracer), "POST", "/stage", headers=[("traceparent", parent)])

        (span,) = spans.get_finished_spans()
        assert span.name == "POST /stage"
        assert span.kind is trace.SpanKind.SERVER
        assert span.parent is not None
        assert format(span.parent.span_id, "016x") == "b7ad6b7169203331"
        assert span.attributes is not None
        assert span.attributes["http.response.status_code"] == 200
        assert span.attributes["http.route"] == "/stage"
        assert answer.headers["x-trace-id"] == "0af7651916cd43dd8448eb211c80319c"

    async def test_a_crash_marks_its_span(
        self, edge: MakeEdge, ask: Ask, tracer: trace.Tracer, spans: InMemorySpanExporter
    ) -> None:
        await ask(edge(app, tracer=tracer), path="/crash")

        (span,) = spans.get_finished_spans()
        assert (span.name, span.status.status_code) == ("GET", trace.StatusCode.ERROR)

    async def test_a_span_around_the_edge_gives_the_trace_id(
        self, edge: MakeEdge, ask: Ask, tracer: trace.Tracer
    ) -> None:
        with tracer.start_as_current_span("outer") as span:
            answer = await ask(edge(app))

        assert answer.headers["x-trace-id"] == format(span.get_span_context().trace_id, "032x")

    async def test_tracing_begins_once_the_process_has_a_provider(
        self, edge: MakeEdge, ask: Ask, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        wrapped = edge(app)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

        assert "x-trace-id" in (await ask(wrapped)).headers
        assert len(spans.get_finished_spans()) == 1
