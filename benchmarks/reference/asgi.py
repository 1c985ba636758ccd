"""The reference application: `MOCK_URL` is where it forwards to."""

import os

import aiohttp
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="benchmark", MIDDLEWARE=[], DATABASES={}, USE_TZ=True
)
_session: list[aiohttp.ClientSession] = []


async def forward(request: HttpRequest) -> HttpResponse:
    """Sends the body on and the answer back, as bytes."""
    if not _session:
        _session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256)))
    async with _session[0].post(
        os.environ["MOCK_URL"], data=request.body, headers={"Content-Type": "application/json"}
    ) as answer:
        return HttpResponse(await answer.read(), status=answer.status, content_type="application/json")


urlpatterns = [path("v1/chat/completions", forward)]
application = get_asgi_application()
