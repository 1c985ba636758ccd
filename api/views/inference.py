"""POST /v1/chat/completions, /v1/completions and /v1/embeddings: the hot paths."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.authentication import principal_of
from api import inference
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings
from api.views import documentation as documented
from lukhas_site.http.bodies import parse_json
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.views import AsyncAPIView


class ChatCompletionsView(AsyncAPIView):
    """Chat with a model, whole or as a stream, with tools and structured output."""

    required_scope = "model.request"

    @documented.chat
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        chat = parse_chat(parse_json(request.content_type or "", request.body))
        return await inference.chat(chat, principal_of(request), exchange_of(request))


class CompletionsView(AsyncAPIView):
    """Continue a text: the legacy endpoint."""

    required_scope = "model.request"

    @documented.completions
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        completion = parse_completion(parse_json(request.content_type or "", request.body))
        return await inference.complete(completion, principal_of(request), exchange_of(request))


class EmbeddingsView(AsyncAPIView):
    """Turn texts into vectors."""

    required_scope = "model.request"

    @documented.embeddings
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        embedding = parse_embeddings(parse_json(request.content_type or "", request.body))
        return await inference.embed(embedding, principal_of(request), exchange_of(request))
