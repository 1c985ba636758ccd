"""POST /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings and /v1/moderations: the hot paths."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.authentication import principal_of
from accounts.principal import Principal
from api import idempotency, inference
from api.requests import Request, ResponseRequest
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings
from api.serializers.moderations import parse_moderation
from api.serializers.responses import parse_response
from api.views import documentation as documented
from lukhas_site.http.bodies import parse_json
from lukhas_site.http.exchange import Exchange, exchange_of
from lukhas_site.http.views import AsyncAPIView

Ask = Callable[[Any, Principal, Exchange, Mapping[str, Any]], Awaitable[HttpResponseBase]]


async def answered(request: HttpRequest, asked: Request | ResponseRequest, ask: Ask) -> HttpResponseBase:
    """The answer to a validated request: of a model, or the one it got before under its Idempotency-Key."""
    caller, exchange, headers = principal_of(request), exchange_of(request), request.META
    if idempotency.META not in headers or asked.stream:
        return await ask(asked, caller, exchange, headers)
    return await idempotency.once(request, lambda: ask(asked, caller, exchange, headers))


class ChatCompletionsView(AsyncAPIView):
    """Chat with a model, whole or as a stream, with tools and structured output."""

    required_scope = "model.request"

    @documented.chat
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        chat = parse_chat(parse_json(request.content_type or "", request.body))
        return await answered(request, chat, inference.chat)


class ResponsesView(AsyncAPIView):
    """Answer an input, whole or as a stream of events. Nothing is stored."""

    required_scope = "model.request"

    @documented.responses
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        response = parse_response(parse_json(request.content_type or "", request.body))
        return await answered(request, response, inference.respond)


class CompletionsView(AsyncAPIView):
    """Continue a text: the legacy endpoint."""

    required_scope = "model.request"

    @documented.completions
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        completion = parse_completion(parse_json(request.content_type or "", request.body))
        return await answered(request, completion, inference.complete)


class EmbeddingsView(AsyncAPIView):
    """Turn texts into vectors."""

    required_scope = "model.request"

    @documented.embeddings
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        embedding = parse_embeddings(parse_json(request.content_type or "", request.body))
        return await answered(request, embedding, inference.embed)


class ModerationsView(AsyncAPIView):
    """Tell whether texts are harmful, by categories."""

    required_scope = "model.request"

    @documented.moderations
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        moderation = parse_moderation(parse_json(request.content_type or "", request.body))
        return await answered(request, moderation, inference.moderate)
