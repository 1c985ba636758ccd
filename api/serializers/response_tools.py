"""Tools, tool choice, form of the answer and reasoning, as the Responses API has them: flatter than chat's."""

from typing import Any

from drf_spectacular.utils import extend_schema_field

from api.exceptions import InvalidType, MissingParameter, UnknownParameter, UnsupportedParameter
from api.requests import ResponseFormat, Tool, ToolChoice
from api.serializers.fields import Array, Object, WireField, kind_of, unsupported_choice
from api.serializers.tools import FORMATS, FUNCTION_SCHEMA, MODES, member, read_function, read_schema

TOOLS = ("function",)
HOSTED = frozenset(
    """apply_patch code_interpreter computer computer_use_preview custom file_search image_generation local_shell mcp
    namespace programmatic_tool_calling shell tool_search web_search web_search_2025_08_26 web_search_preview
    web_search_preview_2025_03_11""".split()
)
"""Tools of OpenAI's specification that its own servers run, or that are no functions."""
CHOICES = HOSTED | {"allowed_tools", "computer_use"}
REFUSED_OF_FUNCTIONS = ("output_schema", "defer_loading", "allowed_callers")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
VERBOSITIES = ("low", "medium", "high")
LOGPROBS = "message.output_text.logprobs"
INCLUDABLE = (
    LOGPROBS, "code_interpreter_call.outputs", "computer_call_output.output.image_url", "file_search_call.results",
    "message.input_image.image_url", "reasoning.encrypted_content", "web_search_call.action.sources",
    "web_search_call.results",
)  # fmt: skip


class Refused(WireField):
    """A parameter of the specification that this server has nothing for: `why` is told to whoever sends it."""

    def __init__(self, *, why: str, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, help_text=f"Refused: {why}", **kwargs)
        self.why = why

    def to_internal_value(self, data: Any) -> Any:
        raise unsupported(self.param, self.why)


def unsupported(param: str, why: str) -> UnsupportedParameter:
    """The error for what no model behind this server could honour."""
    return UnsupportedParameter(param, f"Unsupported parameter: '{param}' is not supported by this server: {why}")


@extend_schema_field(
    {
        "type": "array",
        "maxItems": 128,
        "items": {
            **FUNCTION_SCHEMA,
            "required": ["type", "name"],
            "properties": {"type": {"type": "string", "enum": ["function"]}, **FUNCTION_SCHEMA["properties"]},
        },
    }
)
class ResponseTools(Array):
    """Up to 128 functions. What runs on OpenAI's servers is refused by name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return tuple(self._tool(f"{self.param}[{at}]", tool) for at, tool in enumerate(super().to_internal_value(data)))

    @staticmethod
    def _tool(path: str, tool: Any) -> Tool:
        if not isinstance(tool, dict):
            raise InvalidType(path, "an object", kind_of(tool))
        kind = member(path, tool, "type", str, "a string", needed=True)
        if kind in HOSTED:
            raise unsupported(f"{path}.type", f"tools of type '{kind}' are not run here, only functions can be called.")
        if kind not in TOOLS:
            raise unsupported_choice(kind, TOOLS, f"{path}.type")
        for name in REFUSED_OF_FUNCTIONS:
            if tool.get(name):
                raise unsupported(f"{path}.{name}", "functions are called by the model itself, as they are described.")
        return read_function(path, tool)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": ["none", "auto", "required"]},
            {
                "type": "object",
                "required": ["type", "name"],
                "properties": {"type": {"type": "string", "enum": ["function"]}, "name": {"type": "string"}},
            },
        ]
    }
)
class ResponseToolChoice(WireField):
    """`none`, `auto`, `required`, or the function to call."""

    def to_internal_value(self, data: Any) -> ToolChoice:
        if isinstance(data, str):
            modes = {mode: ToolChoice(mode) for mode in MODES}
            if data not in modes:
                raise unsupported_choice(data, MODES, self.param)
            return modes[data]
        if not isinstance(data, dict):
            raise InvalidType(self.param, "one of a string or object", kind_of(data))
        kind = member(self.param, data, "type", str, "a string", needed=True)
        if kind in CHOICES:
            raise unsupported(f"{self.param}.type", f"'{kind}' cannot be chosen, only functions can.")
        if kind not in TOOLS:
            raise unsupported_choice(kind, TOOLS, f"{self.param}.type")
        return ToolChoice("function", member(self.param, data, "name", str, "a string", needed=True))


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "format": {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": {"type": "string", "enum": list(FORMATS)},
                    "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                    "description": {"type": "string"},
                    "schema": {"type": "object", "additionalProperties": True},
                    "strict": {"type": "boolean", "nullable": True},
                },
            },
            "verbosity": {"type": "string", "enum": list(VERBOSITIES), "nullable": True},
        },
    }
)
class TextForm(Object):
    """`format` (text, json_object, or json_schema with a name and a schema) and `verbosity`."""

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        refuse_unknown(self.param, given, ("format", "verbosity"))
        verbosity = member(self.param, given, "verbosity", str, "a string")
        if verbosity is not None and verbosity not in VERBOSITIES:
            raise unsupported_choice(verbosity, VERBOSITIES, f"{self.param}.verbosity")
        form = member(self.param, given, "format", dict, "an object")
        return given, ResponseFormat("text") if form is None else self._format(f"{self.param}.format", form)

    @staticmethod
    def _format(path: str, form: dict[str, Any]) -> ResponseFormat:
        kind = member(path, form, "type", str, "a string", needed=True)
        if kind == "text" or kind == "json_object":
            return ResponseFormat(kind)
        if kind != "json_schema":
            raise unsupported_choice(kind, FORMATS, f"{path}.type")
        member(path, form, "description", str, "a string")
        read = read_schema(path, form)
        if not read.schema:
            raise MissingParameter(f"{path}.schema")
        return read


@extend_schema_field(
    {
        "type": "object",
        "properties": {"effort": {"type": "string", "enum": list(EFFORTS), "nullable": True}},
    }
)
class Reasoning(Object):
    """`effort`: how much the model is to think. Nothing of what it thinks is shown, so no summary is either."""

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        others = ("summary", "generate_summary", "context", "mode")
        refuse_unknown(self.param, given, ("effort", *others))
        for name in others:
            if given.get(name) is not None:
                raise unsupported(f"{self.param}.{name}", "what a model thinks is neither shown nor kept.")
        effort: str | None = member(self.param, given, "effort", str, "a string")
        if effort is not None and effort not in EFFORTS:
            raise unsupported_choice(effort, EFFORTS, f"{self.param}.effort")
        return effort


@extend_schema_field({"type": "array", "items": {"type": "string", "enum": [LOGPROBS]}})
class Include(Array):
    """What the answer is to hold beside: the log probabilities of a text, and nothing else. True where it is to."""

    def to_internal_value(self, data: Any) -> Any:
        named = super().to_internal_value(data)
        for at, name in enumerate(named):
            path = f"{self.param}[{at}]"
            if not isinstance(name, str):
                raise InvalidType(path, "a string", kind_of(name))
            if name not in INCLUDABLE:
                raise unsupported_choice(name, INCLUDABLE, path)
            if name != LOGPROBS:
                raise unsupported(path, f"no answer holds '{name}'.")
        return bool(named)


@extend_schema_field({"type": "object", "properties": {"include_obfuscation": {"type": "boolean"}}})
class ResponseStreamOptions(Object):
    """`include_obfuscation`, which is of no effect: nothing is added to events."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        options = super().to_internal_value(data)
        refuse_unknown(self.param, options, ("include_obfuscation",))
        member(self.param, options, "include_obfuscation", bool, "a boolean")
        return options


def refuse_unknown(path: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raises UnknownParameter for a member that the specification does not have."""
    for name in given:
        if name not in known:
            raise UnknownParameter(f"{path}.{name}")
