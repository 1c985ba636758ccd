"""The async base view: who may call, what is refused, and that nothing escapes."""

import asyncio
import json
from typing import Any

import pytest
from django.http import Http404, HttpResponse
from django.test import AsyncRequestFactory
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission

from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.views import AsyncAPIView


class ByName(BaseAuthentication):
    """Knows who says a name; refuses "nobody"."""

    def authenticate_header(self, request: Any) -> str:
        return "Name"

    async def authenticate_async(self, request: Any) -> str | None:
        name: str | None = request.META.get("HTTP_X_NAME")
        if name == "nobody":
            raise exceptions.AuthenticationFailed("nobody is nobody")
        return name


class Guest(ByName):
    async def authenticate_async(self, request: Any) -> str | None:
        return "guest" if request.GET.get("guest") else None


class Polite(BasePermission):
    message = "say please"

    def has_permission(self, request: Any, view: Any) -> bool:
        return "please" in request.GET


class Greeting(AsyncAPIView):
    authentication_classes = [ByName, Guest]  # noqa: RUF012
    permission_classes = [Polite]  # noqa: RUF012

    async def get(self, request: Any, error: Exception | None = None, word: str = "hello") -> HttpResponse:
        if error is not None:
            raise error
        return HttpResponse(f"{word} {request.principal}")


def render(error: Exception, context: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        json.dumps({"error": type(error).__name__, "detail": str(error), "allowed": context["view"].allowed_methods}),
        status=getattr(error, "status_code", 500),
        headers={"WWW-Authenticate": getattr(error, "auth_header", "")},
    )


@pytest.fixture(autouse=True)
def rendering(settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.render"}


async def call(query: str = "?please=1", method: str = "GET", name: str | None = "Ann", **kwargs: Any) -> Any:
    headers = {} if name is None else {"X-Name": name}
    request = AsyncRequestFactory().generic(method, f"/{query}", headers=headers)
    view: Any = Greeting.as_view()
    return await view(request, **kwargs)


def error_of(response: HttpResponse) -> str:
    error: str = json.loads(response.content)["error"]
    return error


async def test_the_handler_gets_the_caller_and_the_arguments_of_the_url() -> None:
    assert (await call(word="bye")).content == b"bye Ann"


async def test_the_next_authenticator_is_asked_when_one_knows_nobody() -> None:
    assert (await call("?please=1&guest=1", name=None)).content == b"hello guest"


async def test_where_no_authenticator_knows_anybody_the_permissions_decide() -> None:
    assert (await call(name=None)).content == b"hello None"


async def test_a_refusal_to_a_stranger_is_a_401_with_a_challenge() -> None:
    response = await call("", name=None)

    assert (response.status_code, error_of(response)) == (401, "NotAuthenticated")
    assert response["WWW-Authenticate"] == "Name"


async def test_a_refusal_to_somebody_is_a_403_with_the_reason() -> None:
    response = await call("")

    assert (response.status_code, error_of(response)) == (403, "PermissionDenied")
    assert json.loads(response.content)["detail"] == "say please"


async def test_a_refusal_where_nobody_is_asked_who_they_are_is_a_403(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Greeting, "authentication_classes", [])

    assert (await call("")).status_code == 403


async def test_an_authenticator_may_refuse() -> None:
    response = await call(name="nobody")

    assert (response.status_code, error_of(response)) == (401, "AuthenticationFailed")


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE", "DISPATCH"])
async def test_other_methods_are_refused_and_the_allowed_ones_are_known(method: str) -> None:
    response = await call(method=method)

    assert response.status_code == 405
    assert json.loads(response.content)["allowed"] == ["GET", "HEAD"]


async def test_head_is_answered_by_get() -> None:
    assert (await call(method="HEAD")).status_code == 200


@pytest.mark.parametrize("error", [ValueError("oops"), KeyError("x")])
async def test_a_crash_is_rendered_and_left_for_the_log(error: Exception) -> None:
    request = AsyncRequestFactory().get("/?please=1")
    view: Any = Greeting.as_view()

    response = await view(request, error=error)

    assert (response.status_code, error_of(response)) == (500, type(error).__name__)
    assert exchange_of(request).crash is error


@pytest.mark.parametrize("error", [Http404(), exceptions.ParseError(), exceptions.Throttled()])
async def test_what_was_to_be_expected_is_no_crash(error: Exception) -> None:
    request = AsyncRequestFactory().get("/?please=1")
    view: Any = Greeting.as_view()

    assert error_of(await view(request, error=error)) == type(error).__name__
    assert exchange_of(request).crash is None


async def test_cancellation_is_not_an_answer() -> None:
    with pytest.raises(asyncio.CancelledError):
        await call(error=asyncio.CancelledError())


def test_the_view_needs_no_csrf_token_and_is_known_to_be_async() -> None:
    view: Any = Greeting.as_view()

    assert view.csrf_exempt
    assert asyncio.iscoroutinefunction(view)
    assert view.cls is Greeting
