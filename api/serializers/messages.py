"""The `messages` of a chat request: one field that checks every message, without a nested serializer each."""

from collections.abc import Callable, Sequence
from typing import Any

from api.exceptions import InvalidRequest, InvalidType, MissingParameter
from api.serializers.fields import Array, check_length, kind_of, unsupported_choice

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
MOST_CHARACTERS = 10_485_760
"""Of one content or part of one, as OpenAI has it."""
PARTS = ("text", "image_url", "input_audio", "file", "refusal")


class Messages(Array):
    """At least one message; each an object with a known role, and what that role needs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, **kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        messages = super().to_internal_value(data)
        for at, message in enumerate(messages):
            check_message(f"{self.param}[{at}]", message)
        return messages


def check_message(path: str, message: Any) -> None:
    """Raises the error of the first thing that is wrong with one message."""
    if not isinstance(message, dict):
        raise InvalidType(path, "an object", kind_of(message))
    role = string_in(path, message, "role")
    if role not in ROLES:
        raise unsupported_choice(role, ROLES, f"{path}.role")
    _optional_string(path, message, "name")
    if role == "assistant":
        check_assistant(path, message)
    elif role == "function":
        string_in(path, message, "name")
        if message.get("content") is not None:
            string_in(path, message, "content")
        elif "content" not in message:
            raise MissingParameter(f"{path}.content")
    else:
        check_content(f"{path}.content", message)
        if role == "tool":
            string_in(path, message, "tool_call_id")


def check_assistant(path: str, message: dict[str, Any]) -> None:
    """An assistant's turn has content, unless it has tool calls, a function call, audio or a refusal."""
    calls = message.get("tool_calls")
    if calls is not None:
        if not isinstance(calls, list):
            raise InvalidType(f"{path}.tool_calls", "an array", kind_of(calls))
        check_length(f"{path}.tool_calls", calls, 1, None)
        for at, call in enumerate(calls):
            check_tool_call(f"{path}.tool_calls[{at}]", call)
    _optional_string(path, message, "refusal")
    if message.get("function_call") is not None:
        called = _object(path, message, "function_call")
        string_in(f"{path}.function_call", called, "name")
        string_in(f"{path}.function_call", called, "arguments")
    if message.get("audio") is not None:
        string_in(f"{path}.audio", _object(path, message, "audio"), "id")
    others = ("tool_calls", "function_call", "audio", "refusal")
    if message.get("content") is not None:
        check_content(f"{path}.content", message)
    elif not any(message.get(name) is not None for name in others):
        if "content" in message:
            raise InvalidType(f"{path}.content", "a string", "null")
        raise MissingParameter(f"{path}.content")


def check_content(path: str, message: dict[str, Any]) -> None:
    """A string, or at least one content part."""
    if "content" not in message:
        raise MissingParameter(path)
    content = message["content"]
    if isinstance(content, str):
        check_length(path, content, 0, MOST_CHARACTERS, "string")
        return
    if not isinstance(content, list):
        raise InvalidType(path, "one of a string or array of objects", kind_of(content))
    check_length(path, content, 1, None)
    for at, part in enumerate(content):
        check_part(f"{path}[{at}]", part)


def check_part(path: str, part: Any, kinds: Sequence[str] = PARTS) -> None:
    """A content part: an object of one of these types, with the text or object that the type names."""
    if not isinstance(part, dict):
        raise InvalidType(path, "an object", kind_of(part))
    kind = string_in(path, part, "type")
    if kind not in kinds:
        raise unsupported_choice(kind, kinds, f"{path}.type")
    if kind in ("text", "refusal"):
        check_length(f"{path}.{kind}", string_in(path, part, kind), 0, MOST_CHARACTERS, "string")
    else:
        _object(path, part, kind)


def check_tool_call(path: str, call: Any) -> None:
    """A call that an earlier turn of the assistant made: id, type, and for a function its name and arguments."""
    if not isinstance(call, dict):
        raise InvalidType(path, "an object", kind_of(call))
    string_in(path, call, "id")
    kind = string_in(path, call, "type")
    if kind not in ("function", "custom"):
        raise unsupported_choice(kind, ("function", "custom"), f"{path}.type")
    called = _object(path, call, kind)
    string_in(f"{path}.{kind}", called, "name")
    string_in(f"{path}.{kind}", called, "arguments" if kind == "function" else "input")


def check_order(messages: list[dict[str, Any]], param: str = "messages") -> None:
    """Raises when a `tool` message does not answer a tool call of the turns before it, or a call has no answer."""
    open_calls: dict[str, int] = {}
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if open_calls.pop(message["tool_call_id"], None) is None:
                raise InvalidRequest(
                    f"Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                    f"'tool_calls'. ('{param}[{at}]')",
                    param=f"{param}[{at}].role",
                )
            continue
        _refuse_unanswered(open_calls, param)
        open_calls = {call["id"]: at for call in message.get("tool_calls") or ()}
    _refuse_unanswered(open_calls, param)


def _refuse_unanswered(open_calls: dict[str, int], param: str) -> None:
    if open_calls:
        at = next(iter(open_calls.values()))
        ids = ", ".join(identity[:64] for identity in [*open_calls][:8])
        raise InvalidRequest(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {ids}",
            param=f"{param}[{at}]",
        )


def _checked(kind: type, expected: str) -> Callable[[str, dict[str, Any], str], Any]:
    def check(path: str, holder: dict[str, Any], name: str) -> Any:
        if name not in holder:
            raise MissingParameter(f"{path}.{name}")
        value = holder[name]
        if not isinstance(value, kind):
            raise InvalidType(f"{path}.{name}", expected, kind_of(value))
        return value

    return check


string_in = _checked(str, "a string")
_object = _checked(dict, "an object")


def _optional_string(path: str, holder: dict[str, Any], name: str) -> None:
    if holder.get(name) is not None:
        string_in(path, holder, name)
