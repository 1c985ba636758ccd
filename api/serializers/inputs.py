"""Texts or token ids: the `input` of embeddings and the `prompt` of legacy completions, in all four shapes."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field

from api.exceptions import InvalidRequest, InvalidType, InvalidValue, MissingParameter
from api.serializers.fields import WireField, check_length, kind_of


def shapes(longest: int | None, least: int) -> dict[str, Any]:
    """The schema of all four: arrays of at most `longest` token ids, texts of at least `least` characters."""
    string = {"type": "string", **({"minLength": least} if least else {})}
    tokens = {
        "type": "array",
        "minItems": 1,
        "items": {"type": "integer"},
        **({"maxItems": longest} if longest else {}),
    }
    many = {"type": "array", "minItems": 1, "maxItems": 2048}
    return {"oneOf": [string, {**many, "items": string}, tokens, {**many, "items": tokens}]}


LARGEST_TOKEN = 2**31 - 1


class Inputs(WireField):
    """A string, an array of strings, an array of token ids, or an array of such arrays; becomes a tuple of inputs.

    `LONGEST_TOKENS` bounds one array of token ids, None for no bound but the model's own.
    """

    expected = "one of a string, array of strings, array of integers, or array of integer arrays"
    LONGEST_TOKENS: ClassVar[int | None] = 2048

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None and not self.allow_null:
            raise MissingParameter(self.param)
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> tuple[str | tuple[int, ...], ...]:
        if isinstance(data, str):
            return (self._text(self.param, data),)
        if not isinstance(data, list):
            raise self.wrong_type(data)
        check_length(self.param, data, 1, None)
        first = data[0]
        if isinstance(first, int):
            return (self._tokens(self.param, data),)
        check_length(self.param, data, 1, 2048)
        if isinstance(first, str):
            return tuple(self._text(f"{self.param}[{at}]", item) for at, item in enumerate(data))
        return tuple(self._tokens(f"{self.param}[{at}]", item) for at, item in enumerate(data))

    def to_representation(self, value: Any) -> Any:
        """Only requests hold inputs; they are shown as they were given."""
        return value

    def _text(self, path: str, text: Any) -> str:
        if not isinstance(text, str):
            raise InvalidType(path, "a string", kind_of(text))
        return text

    def _tokens(self, path: str, tokens: Any) -> tuple[int, ...]:
        if not isinstance(tokens, list):
            raise InvalidType(path, "a string or an array of integers", kind_of(tokens))
        check_length(path, tokens, 1, self.LONGEST_TOKENS)
        for at, token in enumerate(tokens):
            if isinstance(token, bool) or not isinstance(token, int):
                raise InvalidType(f"{path}[{at}]", "an integer", kind_of(token))
            if not 0 <= token <= LARGEST_TOKEN:
                raise InvalidValue(f"Invalid '{path}[{at}]': {token} is not a token id.", param=f"{path}[{at}]")
        return tuple(tokens)


@extend_schema_field(shapes(longest=2048, least=1))
class EmbeddingInput(Inputs):
    """As OpenAI's: up to 2,048 inputs, none of them empty."""

    def _text(self, path: str, text: Any) -> str:
        if not super()._text(path, text):
            raise InvalidRequest(
                f"Invalid '{path}': input cannot be an empty string.", param=path, code="invalid_value"
            )
        return str(text)


@extend_schema_field(shapes(longest=None, least=0))
class Prompt(Inputs):
    """As OpenAI's: a prompt may be empty, and as long as the model's context."""

    LONGEST_TOKENS = None
