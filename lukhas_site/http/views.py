"""The base of every async API view."""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.views import APIView

from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.problems import EXPECTED

Handler = Callable[..., Awaitable[HttpResponseBase]]


class AsyncAPIView(APIView):
    """Django REST Framework's APIView for `async def` handlers, without a thread hop.

    A handler gets Django's own request, with the caller as `request.principal` (None where no authenticator knows
    one), and returns an HttpResponse ready to be sent. Its authenticators have `authenticate_async(request)`.
    Parsers, renderers, negotiation, versions and throttles play no part: a handler reads `request.body` itself.
    """

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]  # noqa: RUF012 - Django declares a list

    async def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override] # DRF's is sync
        """Whatever goes wrong is rendered by the EXCEPTION_HANDLER of REST_FRAMEWORK, crashes included."""
        try:
            handler = self._handler_for(request)
            request.principal = None
            authenticators: list[Any] = self.get_authenticators()
            for authenticator in authenticators:
                request.principal = await authenticator.authenticate_async(request)
                if request.principal is not None:
                    break
            self.check_permissions(request)
            return await handler(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - rendered here, logged by the edge
            response: HttpResponseBase = self.handle_exception(error)
            return response

    def _handler_for(self, request: HttpRequest) -> Handler:
        name = (request.method or "").lower()
        handler: Handler | None = getattr(self, name, None) if name in self.http_method_names else None
        if handler is None:
            raise exceptions.MethodNotAllowed(request.method or "")
        return handler

    def permission_denied(self, request: Any, message: str | None = None, code: str | None = None) -> NoReturn:
        """Raises NotAuthenticated where nobody is known to call, else PermissionDenied."""
        if request.principal is None and self.authentication_classes:
            raise exceptions.NotAuthenticated
        raise exceptions.PermissionDenied(detail=message, code=code)

    def handle_exception(self, exc: Exception) -> Any:
        """The answer to an exception; one that nobody expected is left to the edge to be logged."""
        if not isinstance(exc, EXPECTED):
            exchange_of(self.request).crash = exc
        return super().handle_exception(exc)
