"""POST /v1/moderations: what a caller may send, and the frozen request it becomes."""

from typing import Any, NamedTuple

from django.conf import settings
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer

from api.exceptions import InvalidType
from api.requests import ModerationRequest
from api.serializers.fields import Text, WireField, check_length, kind_of
from api.serializers.messages import check_part, string_in
from lukhas_site.http.serializers import SparseSerializer

MOST_INPUTS = 2_048
PARTS = ("text", "image_url")

_TEXT = {"type": "string"}
_MANY = {"type": "array", "minItems": 1, "maxItems": MOST_INPUTS}
_KINDS = [
    {
        "type": "object",
        "required": ["type", "text"],
        "properties": {"type": {"type": "string", "enum": ["text"]}, "text": _TEXT},
    },
    {
        "type": "object",
        "required": ["type", "image_url"],
        "properties": {
            "type": {"type": "string", "enum": ["image_url"]},
            "image_url": {"type": "object", "required": ["url"], "properties": {"url": _TEXT}},
        },
    },
]


class Given(NamedTuple):
    """The inputs, each with its texts, and the paths of the images among them."""

    inputs: tuple[tuple[str, ...], ...]
    images: tuple[str, ...] = ()


@extend_schema_field({"oneOf": [_TEXT, {**_MANY, "items": _TEXT}, {**_MANY, "items": {"oneOf": _KINDS}}]})
class ModerationInput(WireField):
    """A text, texts that are judged one by one, or the texts and images of one message, which are judged as one."""

    expected = "one of a string, array of strings, or array of objects"

    def to_internal_value(self, data: Any) -> Given:
        if isinstance(data, str):
            return Given(((data,),))
        if not isinstance(data, list):
            raise self.wrong_type(data)
        check_length(self.param, data, 1, MOST_INPUTS)
        return self._parts(data) if isinstance(data[0], dict) else self._texts(data)

    def _texts(self, data: list[Any]) -> Given:
        for at, text in enumerate(data):
            if not isinstance(text, str):
                raise InvalidType(f"{self.param}[{at}]", "a string" if at else "a string or an object", kind_of(text))
        return Given(tuple((text,) for text in data))

    def _parts(self, data: list[Any]) -> Given:
        texts, images = [], []
        for at, part in enumerate(data):
            path = f"{self.param}[{at}]"
            check_part(path, part, PARTS)
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                string_in(f"{path}.image_url", part["image_url"], "url")
                images.append(path)
        return Given((tuple(texts),), tuple(images))


@extend_schema_serializer(component_name="CreateModeration")
class ModerationSerializer(SparseSerializer):
    """The specification's parameters. Others go to the upstream as they are; a model that runs here refuses them."""

    model = Text(
        required=False, help_text="The id of a model or an alias. Without it `LUKHAS_MODERATION_MODEL` answers."
    )
    input = ModerationInput(
        help_text="A text; up to 2,048 texts, which get a result each; or the texts and images of one message, which "
        "get one together."
    )


_serializer = ModerationSerializer()


def parse_moderation(body: dict[str, Any]) -> ModerationRequest:
    """The frozen request of a JSON body; raises what is wrong with it."""
    data = _serializer.run_validation(body)
    inputs, images = data["input"]
    return ModerationRequest(data.get("model", settings.LUKHAS_MODERATION_MODEL), inputs, body, images)
