"""The edge: what every answer has in common, whoever makes it. The one ASGI wrapper around the application."""

import asyncio
from collections.abc import Callable
from time import perf_counter

import structlog
from django.conf import settings
from opentelemetry import propagate, trace

from lukhas_site.http import exchange as exchanges
from lukhas_site.http import metrics
from lukhas_site.http.compression import compressed
from lukhas_site.http.cors import Cors, Pages, no_pages
from lukhas_site.http.exchange import App, Exchange, HeaderList, Message, Receive, Scope, Send
from lukhas_site.http.headers import of_its_own, on_everything
from lukhas_site.http.problems import EXPECTED, BadClientRequestId, BodyTooLarge

Problem = Callable[[Exception, Exchange], tuple[int, dict[str, str], bytes]]

MAX_CLIENT_REQUEST_ID = 512
CLIENT_CLOSED_REQUEST = 499

# A caller reads a 413 only once it has sent its whole body: so much of it, for so long, is read and thrown away.
_DRAIN_TIMES_LIMIT = 4
_DRAIN_SECONDS = 10.0

_BODILESS = frozenset({204, 304})
_DISCONNECT: Message = {"type": "http.disconnect"}


class Edge:
    """Wraps an ASGI application: ids, times, security headers, CORS, the body limit, compression, the log line.

    `problem` renders an exception in the protocol of the request's path, `pages` is for CORS. Once the process has an
    OpenTelemetry provider (or with a `tracer`), every request gets a span of kind SERVER that lasts as long as its
    answer, a stream's included. Settings are read once, here. What is not an HTTP request (the lifespan) goes through
    untouched.
    """

    def __init__(self, app: App, problem: Problem, tracer: trace.Tracer | None = None, pages: Pages = no_pages) -> None:
        self.app = app
        self.problem = problem
        self.tracer = tracer
        self._tracer_once_provided = trace.get_tracer(__name__)
        self.max_body_bytes: int = settings.LUKHAS_MAX_BODY_BYTES
        self.cors = Cors(settings.LUKHAS_CORS_ALLOWED_ORIGINS, settings.LUKHAS_PUBLISHABLE_PATHS, pages)
        self.log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        tracer = self.tracer
        if tracer is None and not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            tracer = self._tracer_once_provided
        if tracer is None:
            await _Passage(self, scope, receive, send).run()
        else:
            await self._traced(tracer, scope, receive, send)

    async def _traced(self, tracer: trace.Tracer, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request in a span that follows OpenTelemetry's HTTP conventions and continues the caller's trace."""
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with tracer.start_as_current_span(
            scope["method"],
            context=propagate.extract(carrier),
            kind=trace.SpanKind.SERVER,
            attributes={
                "http.request.method": scope["method"],
                "url.path": scope["path"],
                "url.scheme": scope.get("scheme", "http"),
            },
        ) as span:
            passage = _Passage(self, scope, receive, send)
            await passage.run()
            exchange = passage.exchange
            span.set_attribute("http.response.status_code", exchange.status)
            if exchange.route is not None:
                span.set_attribute("http.route", exchange.route)
                span.update_name(f"{exchange.method} {exchange.route}")
            if exchange.status >= 500:
                span.set_status(trace.StatusCode.ERROR)


class _Passage:
    """One request on its way in, and its answer on the way out."""

    __slots__ = (
        "_receive", "_received", "_send", "_sent", "_start", "begun", "edge", "exchange", "headers", "scope",
        "too_large",
    )  # fmt: skip

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self.edge = edge
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.exchange = scope[exchanges.KEY] = exchanges.begin(scope["method"], scope["path"])
        self._receive = receive
        self._received = 0
        self._send = send
        self._sent = 0
        self._start: Message | None = None
        self.begun = self.too_large = False

    async def run(self) -> None:
        """Answers the request, whatever happens, counts it, and writes its log line.

        Raises what the application raises only where its answer had begun: then the server cuts the connection,
        and nobody takes half an answer for a whole one.
        """
        span = trace.get_current_span()
        if span.is_recording():
            self.exchange.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        try:
            if await self._let_in():
                await self.edge.app(self.scope, self.receive, self.send)
                self._look_at_the_end()
        except Exception as error:
            if not isinstance(error, EXPECTED):
                self.exchange.crash = error
            if self.begun:
                raise
            await self._render(error)
        finally:
            self._log()

    async def _let_in(self) -> bool:
        """Whether the application is asked; a preflight is answered here. Raises what refuses the request."""
        if self.exchange.method == "OPTIONS" and b"access-control-request-method" in self.headers:
            await self._preflight()
            return False
        client_request_id = self.headers.get(b"x-client-request-id")
        if client_request_id is not None:
            if len(client_request_id) > MAX_CLIENT_REQUEST_ID or not client_request_id.isascii():
                raise BadClientRequestId
            self.exchange.client_request_id = client_request_id.decode("ascii")
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.edge.max_body_bytes:
            await self._refuse_declared(int(declared))
        return True

    def _look_at_the_end(self) -> None:
        """Raises what the application would not say of its answer."""
        if self.too_large and not self.begun:
            raise BodyTooLarge(self.edge.max_body_bytes)
        if not self.exchange.done and not self.exchange.gone:
            raise RuntimeError("The application did not finish its answer.")

    async def receive(self) -> Message:
        """What the application receives. A body over the limit looks to it as if the caller had hung up."""
        if self.too_large:
            return _DISCONNECT
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self.edge.max_body_bytes:
                self.too_large = True
                await self._drain(message.get("more_body", False))
                return _DISCONNECT
        elif not self.exchange.done:
            self.exchange.gone = True
        return message

    async def _refuse_declared(self, declared: int) -> None:
        """Raises BodyTooLarge, after reading as much as the caller needs to see it. One that waits for 100 Continue
        has sent nothing yet; one that announces more than is ever drained is cut off at once."""
        if b"expect" in self.headers or declared > self.edge.max_body_bytes * _DRAIN_TIMES_LIMIT:
            self.exchange.headers["Connection"] = "close"
        else:
            await self._drain(more=True)
        raise BodyTooLarge(self.edge.max_body_bytes)

    async def _drain(self, more: bool) -> None:
        most = self.edge.max_body_bytes * _DRAIN_TIMES_LIMIT
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while more and self._received <= most:
                    message = await self._receive()
                    self._received += len(message.get("body", b""))
                    more = message.get("more_body", False)
                    self.exchange.gone = message["type"] == "http.disconnect"
        except TimeoutError:
            more = True
        if more:
            self.exchange.headers["Connection"] = "close"

    async def send(self, message: Message) -> None:
        """What the application sends with. The start of an answer waits for its first piece, which tells whether
        it is complete or a stream."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            body = await self._begin(start, body, more)
        self._sent += len(body)
        self.exchange.done = not more
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _begin(self, start: Message, body: bytes, more: bool) -> bytes:
        """Sends the start of an answer with all its headers; returns the body, compressed where that was agreed."""
        exchange = self.exchange
        exchange.status = start["status"]
        headers, own = of_its_own(start["headers"], exchange)
        if not more:
            headers, body = await self._completed(headers, body)
        headers += on_everything(own, exchange, https=self.scope.get("scheme") == "https")
        headers += await self.edge.cors.admit(self.headers.get(b"origin"), exchange.path, headers)
        self.begun = True
        if more:
            exchange.headers.clear()  # a stream may go on for long, and they are sent
            self.headers.clear()
        await self._send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        return body

    async def _completed(self, headers: HeaderList, body: bytes) -> tuple[HeaderList, bytes]:
        """Headers and body of a complete answer: compressed where agreed, its length told."""
        if not self.exchange.secret:
            headers, body = await compressed(headers, body, self.headers.get(b"accept-encoding", b""))
        if self.exchange.status not in _BODILESS and (body or self.exchange.method != "HEAD"):
            headers = [item for item in headers if item[0] != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
        return headers, body

    async def _render(self, error: Exception) -> None:
        status, headers, body = self.edge.problem(error, self.exchange)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body})

    async def _preflight(self) -> None:
        origin = self.headers.get(b"origin", b"")
        requested = self.headers.get(b"access-control-request-headers", b"")
        headers = await self.edge.cors.preflight(origin, self.exchange.path, requested)
        await self.send({"type": "http.response.start", "status": 204, "headers": headers})
        await self.send({"type": "http.response.body"})

    def _log(self) -> None:
        exchange = self.exchange
        if exchange.gone:
            exchange.status = CLIENT_CLOSED_REQUEST
        elif not exchange.done:
            exchange.status = 500  # cut off by a crash in mid-answer, or by the end of the process
        seconds = perf_counter() - exchange.started
        metrics.observe(exchange.method, exchange.route, exchange.status, seconds)
        log = self.edge.log
        if exchange.crash is not None:
            log.error("crash", request_id=exchange.request_id, exc_info=exchange.crash)
        line = {
            **exchange.facts,
            "method": exchange.method,
            "path": exchange.path,
            "status": exchange.status,
            "duration_ms": round(seconds * 1000, 2),
            "bytes": self._sent,
            "request_id": exchange.request_id,
        }
        if exchange.client_request_id is not None:
            line["client_request_id"] = exchange.client_request_id
        (log.error if exchange.status >= 500 else log.info)("request", **line)
