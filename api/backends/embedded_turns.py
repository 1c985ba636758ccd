"""A conversation as the chat template of any GGUF model takes it: turns of `system`, `user` and `assistant`, all text.

Templates differ in what else they know, so what OpenAI's messages hold beyond that is written as text, in the form that
`api.engines.llama_tools` teaches the model: calls made earlier as `<tool_call>`, their results, which are the user's
turn, as `<tool_response>`. Turns of one role that follow each other become one: many templates insist on it.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from api.backends.contents import text_of
from api.engines.llama_grammar import compact
from api.engines.llama_tools import CLOSING, OPENING, instructions
from api.exceptions import UnsupportedValue
from api.requests import JSONObject, Tool

_ROLES = {"system": "system", "developer": "system", "user": "user", "tool": "user", "assistant": "assistant"}


def turns(messages: Sequence[JSONObject], tools: Sequence[Tool]) -> list[dict[str, str]]:
    """The turns, with what the model must know of the tools in the first, which is then the system's.

    Raises `UnsupportedValue` for content that is not text, and for what the model has no form for: messages of role
    `function`, their calls, calls of custom tools, audio.
    """
    found: list[dict[str, str]] = []
    if tools:
        found.append({"role": "system", "content": instructions(tools)})
    for at, message in enumerate(messages):
        role, text = _turn(message, f"messages[{at}]")
        if found and found[-1]["role"] == role:
            found[-1]["content"] += f"\n\n{text}"
        else:
            found.append({"role": role, "content": text})
    return found


def asking(messages: Sequence[JSONObject]) -> str | None:
    """What the user asks in the last message; None when that is not the user's, or a tool's result."""
    last = messages[-1]
    return text_of(last, f"messages[{len(messages) - 1}]") if last["role"] == "user" else None


def _turn(message: JSONObject, path: str) -> tuple[str, str]:
    role = message["role"]
    if role not in _ROLES:
        raise UnsupportedValue(f"Messages of the role '{role}' are not supported by this model.", param=f"{path}.role")
    for name in ("function_call", "audio"):
        if message.get(name) is not None:
            raise UnsupportedValue(f"'{name}' in a message is not supported by this model.", param=f"{path}.{name}")
    text = text_of(message, path)
    if role == "tool":
        return "user", f"<tool_response>{text}</tool_response>"
    if role == "assistant":
        text = text or message.get("refusal") or ""
        if message.get("tool_calls"):
            text = f"{text}\n{_calls(message['tool_calls'], path)}".strip()
    return _ROLES[role], text


def _calls(calls: Sequence[JSONObject], path: str) -> str:
    written = []
    for at, call in enumerate(calls):
        if call["type"] != "function":
            raise UnsupportedValue(
                "Only calls of functions are supported by this model.", param=f"{path}.tool_calls[{at}].type"
            )
        function = call["function"]
        written.append(f'{{"name": "{function["name"]}", "arguments": {_arguments(function["arguments"])}}}')
    return f"{OPENING}{', '.join(written)}{CLOSING}"


def _arguments(arguments: str) -> Any:
    """The arguments as they are written in an answer; a model's faulty JSON stays as it was."""
    try:
        return compact(orjson.loads(arguments))
    except orjson.JSONDecodeError:
        return arguments
