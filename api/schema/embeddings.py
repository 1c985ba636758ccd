"""POST /v1/embeddings in the document."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import exceptions as wire
from api.schema.errors import Examples
from api.schema.shapes import constant, integer, shape, text


@extend_schema_field(
    {
        "oneOf": [
            {"title": "float", "type": "array", "items": {"type": "number", "format": "float"}},
            {
                "title": "base64",
                "type": "string",
                "format": "byte",
                "description": "The same numbers as little-endian 32-bit floats.",
            },
        ]
    }
)
class Vector(serializers.JSONField):
    """A vector, in the encoding that was asked for."""


Embedding = shape(
    "Embedding",
    "The vector of one input, of unit length.",
    {"object": constant("embedding"), "index": integer("The input's place in the request."), "embedding": Vector()},
)
Usage = shape(
    "EmbeddingUsage", "Tokens used by all inputs together.", {"prompt_tokens": integer(), "total_tokens": integer()}
)
CreateEmbeddingResponse = shape(
    "CreateEmbeddingResponse",
    "The vectors, in the order of the inputs.",
    {
        "object": constant("list"),
        "data": Embedding(many=True),
        "model": text("The id of the model that answered; never an alias."),
        "usage": Usage(),
    },
)
REQUESTS: dict[str, dict[str, Any]] = {
    "Plain": {"model": "lukhas-embed-1", "input": "The food was delicious and the waiter was friendly."},
    "Several texts": {"model": "lukhas-embed-1", "input": ["reset my password", "forgot my credentials"]},
    "In base64": {"model": "lukhas-embed-1", "input": "stocks", "encoding_format": "base64"},
    "Token ids": {"model": "lukhas-embed-1", "input": [[9906, 1917], [4438, 527, 499, 30]]},
}
EXAMPLE: dict[str, Any] = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.0416, -0.0281, 0.0537]}],
    "model": "lukhas-embed-1",
    "usage": {"prompt_tokens": 10, "total_tokens": 10},
}
ANSWERS: dict[str, Any] = {
    "As numbers": EXAMPLE,
    "In base64": EXAMPLE | {"data": [{"object": "embedding", "index": 0, "embedding": "mG4qPXzR5rxw+ls9"}]},
}
ERRORS: Examples = {
    "Parameter missing": wire.MissingParameter("input"),
    "Empty input": wire.InvalidValue("Invalid 'input[1]': input cannot be an empty string.", param="input[1]"),
    "Not honoured": wire.UnsupportedParameter("dimensions"),
    "Unknown": wire.UnknownParameter("inputs"),
    "One input too long": wire.InputTooLong(8192, 9000),
    "All inputs too long": wire.TooManyTokens(300_000, 412_000),
    "Refused by a policy": wire.PolicyViolation("card_number"),
}
