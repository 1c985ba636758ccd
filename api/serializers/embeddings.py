"""POST /v1/embeddings: what a caller may send, and the frozen request it becomes."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from api.exceptions import UnknownParameter
from api.parameters import EMBEDDINGS
from api.requests import EmbeddingRequest
from api.serializers.chat import OPTIONAL
from api.serializers.fields import Integer, OneOf, Text
from api.serializers.inputs import EmbeddingInput
from lukhas_site.http.serializers import SparseSerializer


@extend_schema_serializer(component_name="CreateEmbedding")
class EmbeddingSerializer(SparseSerializer):
    """The specification's parameters; it allows no others."""

    model = Text(help_text="The id of a model or an alias; see GET /v1/models.")
    input = EmbeddingInput(help_text="A text, up to 2,048 texts, token ids, or up to 2,048 arrays of token ids.")
    encoding_format = OneOf(**OPTIONAL, choices=["float", "base64"])
    dimensions = Integer(**OPTIONAL, min_value=1)
    user = Text(**OPTIONAL)


_serializer = EmbeddingSerializer()


def parse_embeddings(body: dict[str, Any]) -> EmbeddingRequest:
    """The frozen request of a JSON body; raises what is wrong with it."""
    data = _serializer.run_validation(body)
    for name in body:
        if name not in EMBEDDINGS:
            raise UnknownParameter(name)
    return EmbeddingRequest(
        model=data["model"],
        inputs=data["input"],
        body=body,
        encoding_format=data.get("encoding_format") or "float",
        dimensions=data.get("dimensions"),
    )
