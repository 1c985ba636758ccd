"""Fields that check as OpenAI does: strict JSON types, and errors with OpenAI's codes and the parameter's path.

They raise the exceptions of `api.exceptions` themselves, so the first fault found is the one that is told, as on
OpenAI's wire. Texts are never walked character by character: prompts can be megabytes.
"""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from api.exceptions import InvalidRequest, InvalidType, InvalidValue, MissingParameter

KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a decimal"),
    (list, "an array"),
    (dict, "an object"),
)


def kind_of(value: object) -> str:
    """The JSON type of a value with its article, as in OpenAI's messages."""
    return next((name for kind, name in KINDS if isinstance(value, kind)), "null")


def quoted(names: Sequence[str]) -> str:
    """`'a', 'b', and 'c'`."""
    head = ", ".join(f"'{name}'" for name in names[:-1])
    return f"{head}{',' if len(names) > 2 else ''} and '{names[-1]}'" if head else f"'{names[-1]}'"


def unsupported_choice(value: str, choices: Sequence[str], param: str) -> InvalidValue:
    """The error for a string that is none of the choices."""
    return InvalidValue(f"Invalid value: '{value[:100]}'. Supported values are: {quoted(choices)}.", param=param)


def check_length(param: str, items: Sequence[Any], least: int, most: int | None, what: str = "array") -> None:
    """Raises for an array (or string: `what`) that is shorter than `least` or longer than `most`."""
    article = "an" if what[0] in "aeiou" else "a"
    if len(items) < least:
        got = f"an empty {what}" if not items else f"{article} {what} with length {len(items)}"
        raise InvalidRequest(
            f"Invalid '{param}': {f'empty {what}' if not items else f'{what} too short'}. Expected {article} {what} "
            f"with minimum length {least}, but got {got} instead.",
            param=param,
            code=f"empty_{what}" if not items else f"{what}_below_min_length",
        )
    if most is not None and len(items) > most:
        raise InvalidRequest(
            f"Invalid '{param}': {what} too long. Expected {article} {what} with maximum length {most}, but got "
            f"{article} {what} with length {len(items)} instead.",
            param=param,
            code=f"{what}_above_max_length",
        )


def check_range(param: str, value: float, least: float | None, most: float | None, kind: str) -> None:
    """Raises for a number outside `least`…`most`; `kind` is `integer` or `decimal` and names the code."""
    if most is not None and value > most:
        raise InvalidRequest(
            f"Invalid '{param}': {kind} above maximum value. Expected a value <= {most}, but got {value} instead.",
            param=param,
            code=f"{kind}_above_max_value",
        )
    if least is not None and value < least:
        raise InvalidRequest(
            f"Invalid '{param}': {kind} below minimum value. Expected a value >= {least}, but got {value} instead.",
            param=param,
            code=f"{kind}_below_min_value",
        )


class WireField(serializers.Field[Any, Any, Any, Any]):
    """Base of the fields of this module. Absent and required is `missing_required_parameter`; null is allowed
    exactly where `allow_null` is set."""

    expected = "a value"

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is serializers.empty and self.required:
            raise MissingParameter(self.param)
        if data is None and not self.allow_null:
            raise InvalidType(self.param, self.expected, "null")
        return super().validate_empty_values(data)

    @property
    def param(self) -> str:
        """The name under which errors speak of this field."""
        return str(self.field_name)

    def wrong_type(self, data: object) -> InvalidType:
        return InvalidType(self.param, self.expected, kind_of(data))


class Text(WireField, serializers.CharField):
    """A string, its length in characters within `min_length`…`max_length`; kept exactly as it came."""

    expected = "a string"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)
        self.validators = []

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return serializers.Field.run_validation(self, data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise self.wrong_type(data)
        check_length(self.param, data, self.min_length or 0, self.max_length, "string")
        return data


class Integer(WireField, serializers.IntegerField):
    """A JSON integer (no boolean, no decimal, no string) within `min_value`…`max_value`."""

    expected = "an integer"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators = []

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            if isinstance(data, float) and data.is_integer() and abs(data) >= 2**53:
                # Integers of more than 64 bits arrive as decimals: out of range, not of the wrong type.
                least = -(2**63) if self.min_value is None else self.min_value
                most = 2**63 - 1 if self.max_value is None else self.max_value
                check_range(self.param, data, least, most, "integer")
            raise self.wrong_type(data)
        check_range(self.param, data, self.min_value, self.max_value, "integer")
        return data


class Number(WireField, serializers.FloatField):
    """A JSON number within `min_value`…`max_value`."""

    expected = "a decimal"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators = []

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            raise self.wrong_type(data)
        check_range(self.param, data, self.min_value, self.max_value, "decimal")
        return data


class Flag(WireField, serializers.BooleanField):
    """true or false, nothing that merely looks like it."""

    expected = "a boolean"

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise self.wrong_type(data)
        return data


class OneOf(WireField, serializers.ChoiceField):
    """One of a closed list of strings."""

    expected = "a string"

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise self.wrong_type(data)
        if data not in self.choices:
            raise unsupported_choice(data, [str(choice) for choice in self.choices], self.param)
        return data


class Object(WireField, serializers.JSONField):
    """A JSON object of any content."""

    expected = "an object"

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise self.wrong_type(data)
        return data


class Array(WireField, serializers.JSONField):
    """A JSON array of any content, its length within `min_length`…`max_length`."""

    expected = "an array"

    def __init__(self, *, min_length: int = 0, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_length = min_length
        self.max_length = max_length

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise self.wrong_type(data)
        check_length(self.param, data, self.min_length, self.max_length)
        return data


class Metadata(Object):
    """Up to 16 pairs of strings: keys of up to 64 characters, values of up to 512."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        pairs = super().to_internal_value(data)
        if len(pairs) > 16:
            raise InvalidRequest(
                f"Invalid '{self.param}': too many properties. Expected an object with at most 16 properties, but "
                f"got an object with {len(pairs)} properties instead.",
                param=self.param,
                code="object_above_max_properties",
            )
        for key, value in pairs.items():
            if not isinstance(value, str):
                raise InvalidType(f"{self.param}.{key[:64]}", "a string", kind_of(value))
            check_length(self.param, key, 0, 64, "string")
            check_length(f"{self.param}.{key}", value, 0, 512, "string")
        return pairs
