"""Django's ASGI handler with the waste taken out: for API paths, and leaner still for the hot ones.

This leans on the internals of Django 5.2 (django.core.handlers.asgi and .base). LUKHAS_LEAN_HANDLER switches the lean
path off; tests/http/test_handlers.py makes the same demands on both.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from io import BytesIO
from typing import IO, Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost, ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, get_resolver, set_script_prefix, set_urlconf
from django.utils.module_loading import import_string
from rest_framework.settings import api_settings

from lukhas_site.http.exchange import Receive, Scope, Send, exchange_of
from lukhas_site.http.hanging_up import hang_up
from lukhas_site.http.problems import EXPECTED, HostNotAllowed, UndecodableUrl
from lukhas_site.http.sending import send_stream, send_whole

_HOOKS = ("process_view", "process_exception", "process_template_response")

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

# So many Host headers that were found to be allowed are known, and not looked at again.
_HOSTS = 64


def settle_memory() -> None:
    """Takes all that was imported out of the garbage collector's sight, and lets it look less often.

    To be called once, when the process has everything it serves requests with. Full collections over some 300,000
    objects that never die are what the slowest requests wait for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


class ApiHandler(ASGIHandler):
    """Serves API paths, with a middleware chain of its own: LUKHAS_API_MIDDLEWARE, async only.

    The paths in LUKHAS_HOT_PATHS, and those that begin with one of LUKHAS_HOT_PREFIXES, all of async views, are served
    in the task of the request itself: no thread, no request signals. All others are served by Django's handler. On
    both, a caller who hangs up cancels the view at once, and an exception that no view rendered is rendered by
    EXCEPTION_HANDLER.

    Raises ImproperlyConfigured for a hot path without an async view, and for a middleware that is not async or has
    hooks beside its call.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hot: dict[str, ResolverMatch] = {}
        self._prefixes: dict[str, tuple[ResolverMatch, str]] = {}
        if settings.LUKHAS_LEAN_HANDLER:
            self._hot = {path: _async_view(path) for path in settings.LUKHAS_HOT_PATHS}
            self._prefixes = {prefix: _async_view_below(prefix) for prefix in settings.LUKHAS_HOT_PREFIXES}
        self._script_name: str = settings.FORCE_SCRIPT_NAME or ""
        self._hosts: set[str] = set()

    def load_middleware(self, is_async: bool = False) -> None:
        """Makes both chains. Called by Django's constructor."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._lean_chain = _chain(_call_view)
        django: Any = super()
        self._middleware_chain = _chain(django._get_response_async)  # noqa: SLF001 - not in the stubs

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """One frame less than an async one, for every piece of a stream to pass through."""
        if self._hot and scope["type"] == "http":
            root = self._script_name or scope.get("root_path", "")
            path = scope["path"].removeprefix(root)
            match = self._hot.get(path) or self._below_prefix(path)
            if match is not None:
                if root:
                    set_script_prefix(root)
                return self._handle_hot(match, scope, receive, send)
        return super().__call__(scope, receive, send)

    def _below_prefix(self, path: str) -> ResolverMatch | None:
        for prefix, (match, name) in self._prefixes.items():
            if path.startswith(prefix) and len(path) > len(prefix):
                return ResolverMatch(match.func, (), {name: path[len(prefix) :]}, route=match.route)
        return None

    async def _handle_hot(self, match: ResolverMatch, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive)
        if body is None:
            return
        request, _ = self.create_request(scope, BytesIO(body))
        request._body = body  # noqa: SLF001 - what `request.body` returns, without a file in between
        request.resolver_match = match
        exchange = exchange_of(request)
        exchange.route = f"/{match.route}"
        gone = hang_up(scope, receive, exchange)
        try:
            try:
                response: Any = await self._lean_chain(request)
            finally:
                request.close()
                del request, body  # a stream may go on for long, and has no use for them
            # `response.close()` would send request_finished, whose receivers tidy up what was never opened here.
            closers = response._resource_closers  # noqa: SLF001 - likewise
            sending = (send_stream if response.streaming else send_whole)(response, send)
            del response
            try:
                await sending
            finally:
                for close in closers:
                    close()
        except asyncio.CancelledError:
            if not gone.happened:
                raise
        finally:
            gone.forget()

    def create_request(self, scope: Mapping[str, Any], body_file: IO[bytes]) -> tuple[ASGIRequest, None]:
        """The request, and never an answer. Raises HostNotAllowed and UndecodableUrl."""
        try:
            request = self.request_class(scope, body_file)
            if (host := request.META.get("HTTP_HOST")) not in self._hosts:
                request.get_host()
                if host and len(self._hosts) < _HOSTS:
                    self._hosts.add(host)
        except UnicodeDecodeError as error:
            body_file.close()
            raise UndecodableUrl from error
        except DisallowedHost as error:
            body_file.close()
            raise HostNotAllowed from error
        if "HTTP_TRANSFER_ENCODING" in request.META:
            # A chunked body has no length, and Django REST Framework takes what has none for empty.
            request.META["CONTENT_LENGTH"] = str(body_file.seek(0, 2))
            body_file.seek(0)
        return request, None

    async def get_response_async(self, request: HttpRequest) -> Any:
        """As Django's, but no line of Django's own about a 4xx, nor a thread to write it: the edge logs already."""
        set_urlconf(settings.ROOT_URLCONF)
        response: Any = await self._middleware_chain(request)
        if request.resolver_match is not None:
            exchange_of(request).route = f"/{request.resolver_match.route}"
        response._resource_closers.append(request.close)  # noqa: SLF001 - as Django does
        return response

    async def send_response(self, response: Any, send: Send) -> None:
        """Sends an answer. A stream is closed when this ends, however it ends."""
        await (send_stream if response.streaming else send_whole)(response, send)


def _async_view(path: str) -> ResolverMatch:
    """What answers a hot path. Raises ImproperlyConfigured unless that is an async view."""
    try:
        match = get_resolver().resolve(path)
    except Resolver404 as error:
        raise ImproperlyConfigured(f"LUKHAS_HOT_PATHS names {path}, which no URL pattern serves.") from error
    if not iscoroutinefunction(match.func):
        raise ImproperlyConfigured(
            f"LUKHAS_HOT_PATHS names {path}, whose view is sync: it would hold up every other hot path."
        )
    return match


def _async_view_below(prefix: str) -> tuple[ResolverMatch, str]:
    """What answers all paths that begin so, and the name under which it takes what comes after. Raises
    ImproperlyConfigured unless that is one async view, which takes anything."""
    rest = "any/thing"
    match = _async_view(prefix + rest)
    if list(match.kwargs.values()) != [rest]:
        raise ImproperlyConfigured(
            f"LUKHAS_HOT_PREFIXES names {prefix}, whose view does not take the rest of the path."
        )
    return match, next(iter(match.kwargs))


def _chain(get_response: GetResponse) -> GetResponse:
    chain = _rendered(get_response)
    for path in reversed(settings.LUKHAS_API_MIDDLEWARE):
        middleware = import_string(path)(chain)
        hooks = [hook for hook in _HOOKS if hasattr(middleware, hook)]
        if hooks or not iscoroutinefunction(middleware):
            reason = f"has {', '.join(hooks)}" if hooks else "is not async"
            raise ImproperlyConfigured(f"LUKHAS_API_MIDDLEWARE names {path}, which {reason}.")
        chain = _rendered(middleware)
    return chain


def _rendered(get_response: GetResponse) -> GetResponse:
    """`get_response` with its exceptions rendered as those of the views are, not as Django's pages."""

    async def answer(request: HttpRequest) -> HttpResponseBase:
        try:
            return await get_response(request)
        except Exception as error:  # noqa: BLE001 - rendered here, logged by the edge
            if not isinstance(error, EXPECTED):
                exchange_of(request).crash = error
            render: Any = api_settings.EXCEPTION_HANDLER
            response: HttpResponseBase = render(error, {"view": None, "args": (), "kwargs": {}, "request": request})
            return response

    return answer


async def _call_view(request: HttpRequest) -> HttpResponseBase:
    match: Any = request.resolver_match
    response: HttpResponseBase = await match.func(request, *match.args, **match.kwargs)
    return response


async def _whole_body(receive: Receive) -> bytes | None:
    """The request body; None where the caller hung up before its end."""
    message = await receive()
    pieces: list[bytes] = []
    while message["type"] == "http.request":
        if not message.get("more_body", False):
            last: bytes = message.get("body", b"")
            return b"".join([*pieces, last]) if pieces else last
        pieces.append(message.get("body", b""))
        message = await receive()
    return None
