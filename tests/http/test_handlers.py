"""The same demands on both handlers: the lean one, and Django's own beneath it.

The lean handler leans on Django's internals. Where an upgrade of Django breaks it, this module says so.
"""

import asyncio
import gc
import gzip
import json
import socket
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, markcoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.urls import get_script_prefix, path
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import APIView
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lukhas_site.http.connections import Connection
from lukhas_site.http.edge import Edge
from lukhas_site.http.exchange import Exchange, exchange_of
from lukhas_site.http.handler import ApiHandler, settle_memory
from lukhas_site.http.hanging_up import _Cancelling
from lukhas_site.http.sse import EventStream
from lukhas_site.http.views import AsyncAPIView

Ask = Callable[..., Awaitable[Any]]
MakeEdge = Callable[..., Edge]

happened: dict[str, threading.Event] = {}


async def until(happens: threading.Event) -> None:
    assert await asyncio.to_thread(happens.wait, 10)


def event(name: str) -> threading.Event:
    return happened.setdefault(name, threading.Event())


class Open(AsyncAPIView):
    authentication_classes = []  # noqa: RUF012
    permission_classes = []  # noqa: RUF012


class Rest(Open):
    async def get(self, request: Any, rest: str) -> HttpResponse:
        lean = SyncToAsync.thread_sensitive_context.get(None) is None
        seen = {"rest": rest, "lean": lean, "route": request.resolver_match.route}
        return HttpResponse(json.dumps(seen), content_type="application/json")


class Mirror(Open):
    async def post(self, request: Any) -> HttpResponse:
        seen = {
            "body": request.body.decode(),
            "read": request.read().decode(),
            "length": request.META.get("CONTENT_LENGTH"),
            "query": dict(request.GET.items()),
            "lean": SyncToAsync.thread_sensitive_context.get(None) is None,
            "prefix": get_script_prefix(),
        }
        return HttpResponse(json.dumps(seen), content_type="application/json")

    async def get(self, request: Any) -> HttpResponse:
        response = HttpResponse(b"x" * 200_000, content_type="text/plain")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        response._resource_closers.append(event("closed").set)
        return response


class Crash(Open):
    async def get(self, request: Any) -> HttpResponse:
        raise RuntimeError("secret")


class Slow(Open):
    """Waits until it is cancelled."""

    async def post(self, request: Any) -> HttpResponse:
        event("begun").set()
        try:
            await asyncio.Event().wait()
        finally:
            event("cancelled").set()
        raise AssertionError


class Stubborn(Open):
    """Answers all the same when it is cancelled."""

    async def post(self, request: Any) -> HttpResponse:
        event("begun").set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            event("cancelled").set()
        return HttpResponse(b"done")


class Events(Open):
    async def post(self, request: Any) -> EventStream:
        return await EventStream.start(endless(), on_error=lambda error: b"", ping_every=0.03)

    async def get(self, request: Any) -> EventStream:
        if "slowly" in request.GET:
            await asyncio.sleep(0.1)
        return await EventStream.start(brief(), on_error=lambda error: f"data: {error}\n\n".encode())


async def endless() -> AsyncIterator[bytes]:
    try:
        yield b"data: 1\n\n"
        event("begun").set()
        await asyncio.Event().wait()
    finally:
        event("cancelled").set()


async def brief() -> AsyncIterator[bytes]:
    yield b"data: 1\n\n"
    yield b"data: 2\n\n"
    raise RuntimeError("broken")


async def plain(request: Any) -> HttpResponse:
    raise {"missing": Http404, "crash": RuntimeError, "teapot": Teapot}[request.GET["raise"]]("secret")


async def pieces(request: Any) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a" * 1000
        yield b"b" * 1000

    return StreamingHttpResponse(parts(), content_type="text/plain")


async def long(request: Any) -> StreamingHttpResponse:
    """A stream that says whether its request is still there."""
    exchange_of(request).headers["X-Long"] = "1"
    return StreamingHttpResponse(watching(weakref.ref(request), exchange_of(request)), content_type="text/plain")


async def watching(request: weakref.ref[Any], exchange: Exchange) -> AsyncIterator[bytes]:
    for _ in range(2):
        yield json.dumps([request() is None, len(exchange.headers)]).encode() + b"\n"


class Teapot(APIException):
    status_code = 418


class Sync(APIView):
    """An ordinary view of Django REST Framework; never on the list of hot paths."""

    authentication_classes = []  # noqa: RUF012
    permission_classes = []  # noqa: RUF012

    def post(self, request: Any) -> Response:
        return Response({"got": request.data, "route": exchange_of(request).path})


urlpatterns = [
    path("mirror", Mirror.as_view()),
    path("crash", Crash.as_view()),
    path("slow", Slow.as_view()),
    path("stubborn", Stubborn.as_view()),
    path("events", Events.as_view()),
    path("plain", plain),
    path("pieces", pieces),
    path("long", long),
    path("items/<int:number>", Sync.as_view()),
    path("sync", Sync.as_view()),
    path("below/<path:rest>", Rest.as_view()),
    path("step/<str:rest>", Rest.as_view()),
]
HOT = frozenset({"/mirror", "/crash", "/slow", "/stubborn", "/events", "/plain", "/pieces", "/long"})


def render(error: Exception, context: dict[str, Any]) -> HttpResponse:
    status = 404 if isinstance(error, Http404) else getattr(error, "status_code", 500)
    request_id = exchange_of(context["request"]).request_id
    return HttpResponse(json.dumps({"rendered": status, "request": request_id}), status=status)


def stamp(get_response: Any) -> Any:
    async def middleware(request: Any) -> Any:
        if "veto" in request.GET:
            raise Teapot
        response = await get_response(request)
        response["X-Stamp"] = response.get("X-Stamp", "") + "s"
        return response

    return middleware


def sync_middleware(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        return get_response(request)

    return middleware


class Hooked:
    def __init__(self, get_response: Any) -> None:
        markcoroutinefunction(self)

    async def process_view(self, *args: Any) -> None:
        """Something that the lean path would have to call."""


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    happened.clear()
    settings.ROOT_URLCONF = __name__
    settings.LUKHAS_HOT_PATHS = HOT
    settings.LUKHAS_HOT_PREFIXES = ("/below/",)
    settings.LUKHAS_API_MIDDLEWARE = []
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.render"}


@pytest.fixture(params=[True, False], ids=["lean", "stock"])
def lean(request: pytest.FixtureRequest, settings: Any) -> bool:
    settings.LUKHAS_LEAN_HANDLER = request.param
    chosen: bool = request.param
    return chosen


@pytest.fixture
def handler(lean: bool, edge: MakeEdge) -> Edge:
    return edge(ApiHandler())


HOST = ("Host", "localhost")
JSON = ("Content-Type", "application/json")


class TestRequests:
    async def test_the_hot_path_is_lean_only_where_settings_say_so(self, handler: Edge, ask: Ask, lean: bool) -> None:
        answer = await ask(handler, "POST", "/mirror", headers=[HOST])

        assert json.loads(answer.body)["lean"] is lean

    @pytest.mark.parametrize("rest", ["a", "a/b", "a b", "é", "below/"])
    async def test_what_comes_after_a_hot_prefix_is_the_views(
        self, handler: Edge, ask: Ask, lean: bool, rest: str
    ) -> None:
        answer = await ask(handler, path=f"/below/{rest}", headers=[HOST])

        assert json.loads(answer.body) == {"rest": rest, "lean": lean, "route": "below/<path:rest>"}

    async def test_a_hot_prefix_alone_is_no_path(self, handler: Edge, ask: Ask) -> None:
        assert (await ask(handler, path="/below/", headers=[HOST])).status == 404

    async def test_a_body_in_pieces_is_whole(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(
            handler, "POST", "/mirror", headers=[HOST], chunks=[b"a", b"b", b"c"], query_string=b"q=%C3%A9"
        )

        seen = json.loads(answer.body)
        assert (seen["body"], seen["query"]) == ("abc", {"q": "é"})

    async def test_a_body_without_a_length_gets_one(self, handler: Edge, ask: Ask) -> None:
        headers = [HOST, JSON, ("Transfer-Encoding", "chunked")]

        answer = await ask(handler, "POST", "/mirror", headers=headers, chunks=[b"ab", b"c"])
        assert json.loads(answer.body)["length"] == "3"
        answer = await ask(handler, "POST", "/sync", headers=headers, chunks=[b'{"a":', b" 1}"])
        assert json.loads(answer.body)["got"] == {"a": 1}

    async def test_a_body_on_a_get_harms_nobody(self, handler: Edge, ask: Ask) -> None:
        assert (await ask(handler, "GET", "/mirror", headers=[HOST], chunks=[b"abc"])).status == 200

    async def test_head_is_answered_as_get_is(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, "HEAD", "/mirror", headers=[HOST])

        assert (answer.status, answer.headers["content-length"]) == (200, "200000")

    @pytest.mark.parametrize("path", ["/mirror", "/sync"])
    async def test_a_host_that_is_not_ours_is_refused(self, handler: Edge, ask: Ask, path: str) -> None:
        answer = await ask(handler, "POST", path, headers=[("Host", "evil.example"), JSON], chunks=[b"{}"])

        assert answer.status == 400
        assert "Host header" in json.loads(answer.body)["problem"]

    @pytest.mark.parametrize("path", ["/mirror", "/sync"])
    async def test_however_many_hosts_are_ours_each_is_answered_and_no_other(
        self, handler: Edge, ask: Ask, path: str, settings: Any
    ) -> None:
        settings.ALLOWED_HOSTS = [".localhost"]
        for number in (*range(70), 0, 69):
            host = ("Host", f"h{number}.localhost")
            assert (await ask(handler, "POST", path, headers=[host, JSON], chunks=[b"{}"])).status == 200
        evil = ("Host", "h0.localhost.evil.example")
        assert (await ask(handler, "POST", path, headers=[evil, JSON], chunks=[b"{}"])).status == 400

    @pytest.mark.parametrize("path", ["/mirror", "/sync"])
    async def test_a_query_that_is_not_text_is_refused(self, handler: Edge, ask: Ask, path: str) -> None:
        answer = await ask(handler, "POST", path, headers=[HOST], query_string=b"q=\xff")

        assert answer.status == 400
        assert "UTF-8" in json.loads(answer.body)["problem"]

    async def test_the_script_name_is_taken_off_the_path(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, "POST", "/prefix/mirror", headers=[HOST], root_path="/prefix")

        assert json.loads(answer.body)["prefix"] == "/prefix/"

    async def test_a_forced_script_name_wins(self, edge: MakeEdge, ask: Ask, lean: bool, settings: Any) -> None:
        settings.FORCE_SCRIPT_NAME = "/forced"

        answer = await ask(edge(ApiHandler()), "POST", "/forced/mirror", headers=[HOST])

        assert json.loads(answer.body)["prefix"] == "/forced/"

    async def test_other_paths_are_served_too(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, "POST", "/items/5", headers=[HOST, JSON, ("Content-Length", "2")], chunks=[b"{}"])
        assert answer.status == 500, "a handler that takes no number"
        answer = await ask(handler, "POST", "/sync", headers=[HOST, JSON, ("Content-Length", "2")], chunks=[b"{}"])
        assert json.loads(answer.body) == {"got": {}, "route": "/sync"}


class TestAnswers:
    async def test_a_long_answer_goes_out_in_one_piece(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, path="/mirror", headers=[HOST])

        assert [len(piece) for piece in answer.pieces] == [200_000]
        assert answer.headers["content-length"] == "200000"

    async def test_a_long_answer_is_compressed_whole(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, path="/mirror", headers=[HOST, ("Accept-Encoding", "gzip")])

        assert gzip.decompress(answer.body) == b"x" * 200_000

    async def test_what_an_answer_holds_open_is_closed_once_it_is_sent(self, handler: Edge, caller: Any) -> None:
        call = caller(path="/mirror", headers=[HOST])
        closed_by = []

        async def send(message: Any) -> None:
            closed_by.append(event("closed").is_set())

        await handler(call.scope, call.receive, send)

        assert closed_by == [False, False]
        assert event("closed").is_set()

    async def test_cookies_go_out_one_by_one(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, path="/mirror", headers=[HOST])

        cookies = [value for name, value in answer.messages[0]["headers"] if name == b"set-cookie"]
        assert cookies == [b"a=1; Path=/", b"b=2; Path=/"]

    async def test_any_asynchronous_stream_is_sent_piece_by_piece(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, path="/pieces", headers=[HOST])

        assert answer.pieces == [b"a" * 1000, b"b" * 1000, b""]

    async def test_a_stream_keeps_neither_its_request_nor_the_headers_that_are_sent(
        self, handler: Edge, ask: Ask, lean: bool
    ) -> None:
        answer = await ask(handler, path="/long", headers=[HOST])
        assert answer.headers["x-long"] == "1"
        assert [json.loads(piece) for piece in answer.pieces[:2]] == [[lean, 1], [lean, 0]]

    async def test_an_event_stream_ends_with_its_error(self, handler: Edge, ask: Ask) -> None:
        answer = await ask(handler, path="/events", headers=[HOST])

        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.pieces == [b"data: 1\n\n", b"data: 2\n\n", b"data: broken\n\n", b""]

    @pytest.mark.parametrize(
        ("path", "query", "status"),
        [
            ("/crash", b"", 500),
            ("/plain", b"raise=crash", 500),
            ("/plain", b"raise=missing", 404),
            ("/plain", b"raise=teapot", 418),
            ("/nowhere", b"", 404),
            ("/mirror", b"veto", 418),
        ],
    )
    async def test_every_exception_is_rendered_by_the_exception_handler(
        self, lean: bool, edge: MakeEdge, ask: Ask, settings: Any, log: list[Any], path: str, query: bytes, status: int
    ) -> None:
        settings.LUKHAS_API_MIDDLEWARE = [f"{__name__}.stamp"]
        settings.DEBUG = True
        answer = await ask(edge(ApiHandler()), path=path, headers=[HOST], query_string=query)

        assert answer.status == status
        assert json.loads(answer.body) == {"rendered": status, "request": answer.headers["x-request-id"]}
        assert [line["event"] for line in log] == (["crash", "request"] if status == 500 else ["request"])

    async def test_middleware_wraps_both(self, lean: bool, edge: MakeEdge, ask: Ask, settings: Any) -> None:
        settings.LUKHAS_API_MIDDLEWARE = [f"{__name__}.stamp", f"{__name__}.stamp"]
        handler = edge(ApiHandler())

        assert (await ask(handler, path="/mirror", headers=[HOST])).headers["x-stamp"] == "ss"
        assert (await ask(handler, "POST", "/sync", headers=[HOST])).headers["x-stamp"] == "ss"

    @pytest.mark.parametrize("path", ["/mirror", "/sync"])
    async def test_the_route_is_known_to_the_log(self, handler: Edge, caller: Any, path: str) -> None:
        call = caller("POST", path, headers=[HOST])
        await call.call(handler)

        assert call.scope["lukhas"].route == path


class TestSettings:
    def test_a_hot_path_must_exist(self, settings: Any) -> None:
        settings.LUKHAS_HOT_PATHS = {"/nowhere"}
        with pytest.raises(ImproperlyConfigured, match="/nowhere"):
            ApiHandler()

    def test_a_hot_path_must_be_async(self, settings: Any) -> None:
        settings.LUKHAS_HOT_PATHS = {"/sync"}
        with pytest.raises(ImproperlyConfigured, match="/sync"):
            ApiHandler()

    @pytest.mark.parametrize("prefix", ["/step/", "/nowhere/", "/items/"])
    def test_what_is_below_a_hot_prefix_must_be_one_async_view(self, settings: Any, prefix: str) -> None:
        settings.LUKHAS_HOT_PREFIXES = (prefix,)
        with pytest.raises(ImproperlyConfigured, match=prefix):
            ApiHandler()

    def test_the_view_below_a_hot_prefix_must_take_the_rest_of_the_path(self, settings: Any) -> None:
        settings.LUKHAS_HOT_PREFIXES = ("/below/some/",)
        with pytest.raises(ImproperlyConfigured, match="does not take the rest of the path"):
            ApiHandler()

    @pytest.mark.parametrize(("name", "reason"), [("sync_middleware", "not async"), ("Hooked", "process_view")])
    def test_middleware_must_be_async_and_without_hooks(self, settings: Any, name: str, reason: str) -> None:
        settings.LUKHAS_API_MIDDLEWARE = [f"{__name__}.{name}"]
        with pytest.raises(ImproperlyConfigured, match=reason):
            ApiHandler()

    def test_memory_is_settled(self) -> None:
        before = gc.get_threshold()
        gc.unfreeze()
        gc.set_threshold(700, 10, 10)
        try:
            settle_memory()
            assert gc.get_freeze_count() > 10_000
            assert gc.get_threshold() > (700, 10, 10)
        finally:
            gc.unfreeze()
            gc.set_threshold(*before)


class TestHangingUp:
    """A caller who goes away frees what worked for it, promptly, and the next is served."""

    @pytest.fixture(params=[Connection, HttpToolsProtocol], ids=["told", "listening"])
    def port(self, handler: Edge, serve: Any, request: pytest.FixtureRequest) -> Iterator[int]:
        """Of a server that tells of callers who hang up, and of one that is listened to."""
        with serve(handler, http=request.param) as port:
            yield port

    @pytest.mark.parametrize("path", ["/slow", "/stubborn", "/events"])
    def test_it_cancels_the_view_at_once(self, port: int, path: str, log: list[Any]) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            assert event("begun").wait(10)
            time.sleep(0.05)
            assert not event("cancelled").is_set()
        assert event("cancelled").wait(10), "left alone, none of them would end"
        deadline = time.monotonic() + 10
        while not log and time.monotonic() < deadline:
            time.sleep(0.005)
        assert [(line["event"], line["status"]) for line in log] == [("request", 499)]

    def test_silence_is_filled_with_comments(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            received = b""
            while received.count(b": ping\n\n") < 3:
                received += client.recv(65536)
        assert received.index(b"data: 1\n\n") < received.index(b": ping\n\n")

    async def test_before_the_whole_body_came_no_view_is_called(self, handler: Edge, caller: Any) -> None:
        call = caller("POST", "/slow", headers=[HOST], chunks=[b"half"], complete=False)
        call.hang_up.set()

        assert (await call.call(handler)).messages == []
        assert not event("begun").is_set()

    async def test_a_view_that_is_cancelled_by_the_server_stays_cancelled(self, caller: Any) -> None:
        call = caller("POST", "/slow", headers=[HOST])
        task = asyncio.create_task(ApiHandler()(call.scope, call.receive, call.send))
        await until(event("begun"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert event("cancelled").is_set()

    @pytest.mark.parametrize("query", [b"", b"slowly"])
    async def test_once_all_is_sent_nothing_goes_on(self, handler: Edge, ask: Ask, query: bytes) -> None:
        answer = await ask(handler, path="/events", headers=[HOST], query_string=query)
        await asyncio.sleep(0)

        assert answer.pieces[-1] == b""
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_what_was_made_for_a_slow_request_goes_when_it_ends_not_when_rings_are_looked_for(
        self, handler: Edge, ask: Ask
    ) -> None:
        def listening() -> set[int]:
            return {id(one) for one in gc.get_objects() if issubclass(type(one), _Cancelling)}  # lazy ones would wake

        gc.collect()
        before = listening()  # of servers of other tests
        gc.disable()
        try:
            await ask(handler, path="/events", headers=[HOST], query_string=b"slowly")
            await asyncio.sleep(0)
            left = listening() - before
        finally:
            gc.enable()
        assert left == set()

    async def test_the_task_that_served_is_not_left_cancelled(self, handler: Edge, caller: Any) -> None:
        call = caller("POST", "/slow", headers=[HOST])
        serving = asyncio.create_task(handler(call.scope, call.receive, call.send))
        await until(event("begun"))
        call.hang_up.set()
        await serving

        assert event("cancelled").is_set()
        assert serving.cancelling() == 0

    async def test_a_message_that_is_none_of_the_protocols_is_ignored(self, edge: MakeEdge, caller: Any) -> None:
        call = caller("POST", "/slow", headers=[HOST], chunks=[b"{}", b"more"])
        call._incoming[0]["more_body"] = False
        serving = asyncio.create_task(call.call(ApiHandler()))
        await until(event("begun"))
        await asyncio.sleep(0.1)

        assert call._incoming == []
        assert not event("cancelled").is_set()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
