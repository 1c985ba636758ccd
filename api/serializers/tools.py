"""Tools, tool choice and response format: the parts of a chat request that describe the answer."""

import re
from typing import Any, Literal

from drf_spectacular.utils import extend_schema_field

from api.exceptions import InvalidRequest, InvalidType, InvalidValue, MissingParameter
from api.requests import ResponseFormat, Tool, ToolChoice
from api.serializers.fields import Array, Object, WireField, check_length, kind_of, unsupported_choice

TOOLS = ("function", "custom")
CHOICES = ("function", "custom", "allowed_tools")
MODES: tuple[Literal["none"], Literal["auto"], Literal["required"]] = ("none", "auto", "required")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")

FUNCTION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
        "description": {"type": "string"},
        "parameters": {"type": "object", "additionalProperties": True},
        "strict": {"type": "boolean", "nullable": True},
    },
}


def member(path: str, holder: dict[str, Any], name: str, kind: type, expected: str, *, needed: bool = False) -> Any:
    """A member of an object, of the kind it must have; None when absent or null, unless `needed`."""
    value = holder.get(name)
    if value is None and (name not in holder or not needed):
        if needed:
            raise MissingParameter(f"{path}.{name}")
        return None
    if not isinstance(value, kind):
        raise InvalidType(f"{path}.{name}", expected, kind_of(value))
    return value


def check_name(path: str, name: str) -> str:
    """A function's or a schema's name: letters, digits, `_` and `-`, up to 64."""
    if not NAME.match(name):
        raise InvalidValue(
            f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]{1,64}$'.",
            param=path,
        )
    return name


def read_function(path: str, function: dict[str, Any]) -> Tool:
    """The function that stands at `path`; raises what is wrong with it."""
    return Tool(
        name=check_name(f"{path}.name", member(path, function, "name", str, "a string", needed=True)),
        description=member(path, function, "description", str, "a string") or "",
        parameters=member(path, function, "parameters", dict, "an object") or {},
        strict=bool(member(path, function, "strict", bool, "a boolean")),
    )


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": 128,
        "items": {
            "type": "object",
            "required": ["type", "function"],
            "properties": {"type": {"type": "string", "enum": ["function"]}, "function": FUNCTION_SCHEMA},
        },
    }
)
class Tools(Array):
    """1–128 tools, of which the functions are what becomes of it. Custom tools are for upstreams, and for the other
    backends to refuse."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=128, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        tools = [self._tool(f"{self.param}[{at}]", tool) for at, tool in enumerate(super().to_internal_value(data))]
        return tuple(tool for tool in tools if tool is not None)

    @staticmethod
    def _tool(path: str, tool: Any) -> Tool | None:
        if not isinstance(tool, dict):
            raise InvalidType(path, "an object", kind_of(tool))
        kind = member(path, tool, "type", str, "a string", needed=True)
        if kind not in TOOLS:
            raise unsupported_choice(kind, TOOLS, f"{path}.type")
        function = member(path, tool, kind, dict, "an object", needed=True)
        path = f"{path}.{kind}"
        if kind == "custom":
            check_name(f"{path}.name", member(path, function, "name", str, "a string", needed=True))
            return None
        return read_function(path, function)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": ["none", "auto", "required"]},
            {
                "type": "object",
                "required": ["type", "function"],
                "properties": {
                    "type": {"type": "string", "enum": ["function"]},
                    "function": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}},
                    },
                },
            },
        ]
    }
)
class ToolChoiceField(WireField):
    """`none`, `auto`, `required`, or the function to call. What else the specification has, custom tools and lists of
    allowed ones, is for upstreams: None here, and for the other backends to refuse."""

    def to_internal_value(self, data: Any) -> ToolChoice | None:
        if isinstance(data, str):
            modes = {mode: ToolChoice(mode) for mode in MODES}
            if data not in modes:
                raise unsupported_choice(data, MODES, self.param)
            return modes[data]
        if not isinstance(data, dict):
            raise InvalidType(self.param, "one of a string or object", kind_of(data))
        kind = member(self.param, data, "type", str, "a string", needed=True)
        if kind not in CHOICES:
            raise unsupported_choice(kind, CHOICES, f"{self.param}.type")
        function = member(self.param, data, kind, dict, "an object", needed=True)
        if kind != "function":
            return None
        return ToolChoice("function", member(f"{self.param}.function", function, "name", str, "a string", needed=True))

    def to_representation(self, value: Any) -> Any:
        """Only requests hold a tool choice; it is shown as it was given."""
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": ["none", "auto"]},
            {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        ]
    }
)
class FunctionCallField(WireField):
    """The older name of a tool choice: `none`, `auto`, or an object with the name of the function."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            if data not in ("none", "auto"):
                raise unsupported_choice(data, ("none", "auto"), self.param)
        elif not isinstance(data, dict):
            raise InvalidType(self.param, "one of a string or object", kind_of(data))
        else:
            member(self.param, data, "name", str, "a string", needed=True)
        return data

    def to_representation(self, value: Any) -> Any:
        """Only requests hold a function call; it is shown as it was given."""
        return value


FORMATS = ("json_object", "json_schema", "text")


def read_schema(path: str, described: dict[str, Any]) -> ResponseFormat:
    """The format with a schema that stands at `path`; raises what is wrong with it."""
    return ResponseFormat(
        "json_schema",
        name=check_name(f"{path}.name", member(path, described, "name", str, "a string", needed=True)),
        schema=member(path, described, "schema", dict, "an object") or {},
        strict=bool(member(path, described, "strict", bool, "a boolean")),
    )


@extend_schema_field(
    {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"type": "string", "enum": list(FORMATS)},
            "json_schema": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                    "description": {"type": "string"},
                    "schema": {"type": "object", "additionalProperties": True},
                    "strict": {"type": "boolean", "nullable": True},
                },
            },
        },
    }
)
class ResponseFormatField(Object):
    """text, json_object, or json_schema with a name and a schema."""

    def to_internal_value(self, data: Any) -> Any:
        form = super().to_internal_value(data)
        kind = member(self.param, form, "type", str, "a string", needed=True)
        if kind == "text" or kind == "json_object":
            return ResponseFormat(kind)
        if kind != "json_schema":
            raise unsupported_choice(kind, FORMATS, f"{self.param}.type")
        described = member(self.param, form, "json_schema", dict, "an object", needed=True)
        return read_schema(f"{self.param}.json_schema", described)


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "maxItems": 4, "items": {"type": "string"}}]})
class Stop(WireField):
    """Up to four strings at which to stop, none of them empty; one may come by itself."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        stops = [data] if isinstance(data, str) else data
        if not isinstance(stops, list):
            raise InvalidType(self.param, "one of a string or array of strings", kind_of(data))
        check_length(self.param, stops, 0, 4)
        for at, stop in enumerate(stops):
            path = self.param if stops is not data else f"{self.param}[{at}]"
            if not isinstance(stop, str):
                raise InvalidType(path, "a string", kind_of(stop))
            check_length(path, stop, 1, None, "string")
        return tuple(stops)

    def to_representation(self, value: Any) -> Any:
        """Only requests hold stop strings; they are shown as they were given."""
        return value


@extend_schema_field({"type": "object", "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}})
class LogitBias(Object):
    """Token ids, as strings as JSON wants them, to a bias in -100…100."""

    def to_internal_value(self, data: Any) -> Any:
        biases: dict[int, float] = {}
        for token, bias in super().to_internal_value(data).items():
            path = f"{self.param}.{token[:32]}"
            if not (token.isascii() and token.isdigit() and len(token) <= 9):
                raise InvalidRequest(
                    f"Invalid key in '{self.param}': {token[:32]}. You should only be using token ids.",
                    param=self.param,
                    code="invalid_value",
                )
            if isinstance(bias, bool) or not isinstance(bias, int | float):
                raise InvalidType(path, "a decimal", kind_of(bias))
            if not -100 <= bias <= 100:
                raise InvalidValue(f"Invalid '{path}': a bias must lie between -100 and 100.", param=path)
            biases[int(token)] = bias
        return biases


@extend_schema_field(
    {
        "type": "object",
        "properties": {"include_usage": {"type": "boolean"}, "include_obfuscation": {"type": "boolean"}},
    }
)
class StreamOptions(Object):
    """`include_usage`: whether a stream ends with a chunk that holds the usage."""

    def to_internal_value(self, data: Any) -> Any:
        options = super().to_internal_value(data)
        for name in ("include_usage", "include_obfuscation"):
            member(self.param, options, name, bool, "a boolean")
        return bool(options.get("include_usage"))


def only_when_streaming(data: dict[str, Any]) -> None:
    """Raises for `stream_options` on an answer that is not a stream."""
    if "stream_options" in data and data["stream_options"] is not None and not data.get("stream"):
        raise InvalidValue(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
