"""For the staff pages: what changes while one is answered is done by whoever is signed in."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from accounts.audit.context import staff_acting


@sync_and_async_middleware
def audit_staff(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Stands after the authentication middleware. Reads nothing unless something is recorded."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            with staff_acting(request):
                waiting: Awaitable[HttpResponseBase] = get_response(request)
                return await waiting

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        with staff_acting(request):
            response: HttpResponseBase = get_response(request)
            return response

    return answer
