"""/metrics: for Prometheus, from this machine or with a scope."""

import asyncio

from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from accounts.loopback import LoopbackOrKey, LoopbackOrScoped
from api.views import documentation as documented
from lukhas_site.http.views import AsyncAPIView
from lukhas_site.metrics import gauges, sharing


class MetricsView(AsyncAPIView):
    """The metrics of the server, of all its processes; in the text format, or OpenMetrics where that is asked for."""

    authentication_classes = (LoopbackOrKey,)
    permission_classes = (LoopbackOrScoped,)
    required_scope = "metrics.read"

    @documented.metrics
    async def get(self, request: HttpRequest) -> HttpResponse:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        content = await asyncio.to_thread(lambda: encode(told()))
        return HttpResponse(content, content_type=content_type, headers={"Cache-Control": "no-store"})


def told() -> CollectorRegistry:
    """What there is to tell now."""
    gauges.look()
    return sharing.registry()
