"""The `input` of a response: a text, or items as callers write them and as they get them back in `output`.

What an item holds beyond what is read here, such as the ids and the states of what a model said, is of no effect.
"""

from typing import Any

from api.exceptions import InvalidType, InvalidValue, MissingParameter, UnsupportedParameter
from api.requests import JSONObject
from api.serializers.fields import WireField, check_length, kind_of, unsupported_choice
from api.serializers.messages import MOST_CHARACTERS
from api.serializers.tools import member

ROLES = ("user", "assistant", "system", "developer")
CALL, OUTPUT, REASONING, REFERENCE = "function_call", "function_call_output", "reasoning", "item_reference"
HONOURED = ("message", CALL, OUTPUT, REASONING)
OTHERS = frozenset(
    """additional_tools apply_patch_call apply_patch_call_output code_interpreter_call compaction compaction_trigger
    computer_call computer_call_output custom_tool_call custom_tool_call_output file_search_call image_generation_call
    item_reference local_shell_call local_shell_call_output mcp_approval_request mcp_approval_response mcp_call
    mcp_list_tools program program_output shell_call shell_call_output tool_search_call tool_search_output
    web_search_call""".split()
)
"""Items of OpenAI's specification that only its own tools and its store have a use for."""
GIVEN = ("input_text", "input_image", "input_file")
SAID = ("output_text", "refusal", "input_text")
TEXTS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}


class Input(WireField):
    """A text, or at least one item, each of its kind's form."""

    expected = "one of a string or array of objects"

    def to_internal_value(self, data: Any) -> str | list[Any]:
        if isinstance(data, str):
            check_length(self.param, data, 0, MOST_CHARACTERS, "string")
            return data
        if not isinstance(data, list):
            raise self.wrong_type(data)
        check_length(self.param, data, 1, None)
        for at, item in enumerate(data):
            check_item(f"{self.param}[{at}]", item)
        if all(kind_of_item(item) == REASONING for item in data):
            raise InvalidValue(f"Invalid '{self.param}': there is nothing in it to answer.", param=self.param)
        return data


def kind_of_item(item: JSONObject) -> str:
    """The type of an item that was checked, also of one that may leave it out."""
    return item.get("type") or "message"


def check_item(path: str, item: Any) -> None:
    """Raises the error of the first thing that is wrong with one item."""
    if not isinstance(item, dict):
        raise InvalidType(path, "an object", kind_of(item))
    kind = member(path, item, "type", str, "a string")
    if kind is None:
        kind = REFERENCE if "id" in item and "role" not in item else "message"
    if kind in OTHERS:
        raise UnsupportedParameter(
            f"{path}.type", f"Unsupported parameter: items of type '{kind}' are not supported by this server."
        )
    if kind == "message":
        _check_message(path, item)
    elif kind == CALL:
        for name in ("call_id", "name", "arguments"):
            member(path, item, name, str, "a string", needed=True)
        _refuse(path, item, "namespace")
    elif kind == OUTPUT:
        member(path, item, "call_id", str, "a string", needed=True)
        _check_content(path, item, "output", GIVEN)
    elif kind != REASONING:
        raise unsupported_choice(kind, HONOURED, f"{path}.type")


def _check_message(path: str, item: dict[str, Any]) -> None:
    role = member(path, item, "role", str, "a string", needed=True)
    if role not in ROLES:
        raise unsupported_choice(role, ROLES, f"{path}.role")
    _check_content(path, item, "content", SAID if role == "assistant" else GIVEN)


def _check_content(path: str, item: dict[str, Any], name: str, kinds: tuple[str, ...]) -> None:
    """A string, or at least one part of these kinds."""
    path = f"{path}.{name}"
    if name not in item:
        raise MissingParameter(path)
    content = item[name]
    if isinstance(content, str):
        check_length(path, content, 0, MOST_CHARACTERS, "string")
        return
    if not isinstance(content, list):
        raise InvalidType(path, "one of a string or array of objects", kind_of(content))
    check_length(path, content, 1, None)
    for at, part in enumerate(content):
        _check_part(f"{path}[{at}]", part, kinds)


def _check_part(path: str, part: Any, kinds: tuple[str, ...]) -> None:
    if not isinstance(part, dict):
        raise InvalidType(path, "an object", kind_of(part))
    kind = member(path, part, "type", str, "a string", needed=True)
    if kind not in kinds:
        raise unsupported_choice(kind, kinds, f"{path}.type")
    if kind in TEXTS:
        text = member(path, part, TEXTS[kind], str, "a string", needed=True)
        check_length(f"{path}.{TEXTS[kind]}", text, 0, MOST_CHARACTERS, "string")
        return
    _refuse(path, part, "file_id")
    if kind == "input_image":
        member(path, part, "image_url", str, "a string", needed=True)
        member(path, part, "detail", str, "a string")
    else:
        _refuse(path, part, "file_url")
        member(path, part, "file_data", str, "a string", needed=True)
        member(path, part, "filename", str, "a string")


def _refuse(path: str, holder: dict[str, Any], name: str) -> None:
    if holder.get(name) is not None:
        raise UnsupportedParameter(
            f"{path}.{name}", f"Unsupported parameter: '{path}.{name}' is not supported by this server."
        )
