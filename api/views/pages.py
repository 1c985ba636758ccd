"""The API document and the pages that show it: /openapi.json, /docs and /redoc."""

import asyncio
import hashlib
from functools import cache
from threading import Lock
from typing import Any

import orjson
from csp.decorators import csp
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

from lukhas_site.http.views import AsyncAPIView

POLICY: dict[str, Any] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'", "data:"],
    "connect-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
# Redoc makes its styles while it runs, and searches in a worker that it makes itself.
REDOC_POLICY = {**POLICY, "style-src": ["'self'", "'unsafe-inline'"], "worker-src": ["'self'", "blob:"]}


_making = Lock()


def document() -> tuple[bytes, str]:
    """The OpenAPI document as JSON, and its ETag. Made once a process: it depends on nothing but the code.

    One thread makes it: drf-spectacular resolves its extensions on first use, and two at once disturb each other.
    """
    with _making:
        return _document()


@cache
def _document() -> tuple[bytes, str]:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    body = orjson.dumps(schema, option=orjson.OPT_NON_STR_KEYS)
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


class DocumentView(AsyncAPIView):
    """The OpenAPI 3.0.3 document of this server."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(exclude=True)
    async def get(self, request: HttpRequest) -> HttpResponseBase | None:
        body, etag = await asyncio.to_thread(document)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        response = HttpResponse(body, content_type="application/json", headers=headers)
        return get_conditional_response(request, etag=etag, response=response)


@method_decorator(csp(POLICY), name="dispatch")
class SwaggerView(SpectacularSwaggerSplitView):
    """/docs: reads the document, and tries its operations out."""

    url_name = "schema"
    template_name = "api/swagger.html"


@method_decorator(csp(REDOC_POLICY), name="dispatch")
class RedocView(SpectacularRedocView):
    """/redoc: the document to read."""

    url_name = "schema"
    template_name = "api/redoc.html"
