"""GET /v1/models in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from api.schema.shapes import constant, created, shape, text

Model = shape(
    "Model",
    "A model, or an alias of one.",
    {
        "id": text("What requests name as `model`."),
        "object": constant("model"),
        "created": created(),
        "owned_by": text("The upstream that runs it."),
    },
)
ListModelsResponse = shape(
    "ListModelsResponse", "All models and aliases.", {"object": constant("list"), "data": Model(many=True)}
)
EXAMPLE: dict[str, Any] = {
    "id": "lukhas-chat-1",
    "object": "model",
    "created": 1764028800,
    "owned_by": "lukhas-chat",
}
LIST: dict[str, Any] = {
    "object": "list",
    "data": [EXAMPLE, EXAMPLE | {"id": "lukhas-embed-1", "owned_by": "lukhas-embeddings"}],
}
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The `ETag` of a copy: 304 where it is still current."
)
MODEL_ID = OpenApiParameter(
    "model_id",
    str,
    OpenApiParameter.PATH,
    description="An id as it is listed. It may hold slashes and colons, as they are or percent-encoded.",
)
