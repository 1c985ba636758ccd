"""The page that shows a key, the only time that anybody sees it."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.models import ApiKey
from lukhas_site.http.exchange import exchange_of


def shown_once(page: Any, request: HttpRequest, key: ApiKey, token: str) -> TemplateResponse:
    """Returns the page that shows `token`, the text of `key`. Nobody may store it, and it is not compressed."""
    exchange_of(request).secret = True
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": "Save this key now",
        "key": key,
        "token": token,
    }
    return TemplateResponse(request, "accounts/key_once.html", context, headers={"Cache-Control": "no-store"})
