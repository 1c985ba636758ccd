"""From a request for a response to the chat that answers it.

Items become messages. Calls of functions that follow each other, and what the assistant said just before, are one
message of a chat, and the outputs of these calls come right after it, wherever in the input they stand. Reasoning items
are dropped: a chat has no place for what a model thought earlier.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from api.exceptions import InvalidValue, clipped
from api.requests import JSONObject, Place, ResponseFormat
from api.serializers.response_inputs import CALL, OUTPUT, REASONING, kind_of_item

Messages = list[dict[str, Any]]
SAME = (
    "temperature", "top_p", "user", "safety_identifier", "service_tier", "prompt_cache_key", "prompt_cache_retention",
    "prompt_cache_options",
)  # fmt: skip
"""Parameters that chat has under the same name."""


class Conversation:
    """The messages of a chat, and where in the request each of them stood.

    Raises InvalidValue for a call without an output and an output without a call.
    """

    def __init__(self, given: str | list[JSONObject], instructions: str | None) -> None:
        self.messages: Messages = []
        self.places: list[Place] = []
        if instructions is not None:
            self._add("instructions", {"role": "system", "content": instructions})
        if isinstance(given, str):
            self._add("input", {"role": "user", "content": given})
        else:
            self._outputs = _outputs(given)
            self._called: set[str] = set()
            self._read(given)

    def _read(self, items: Iterable[JSONObject]) -> None:
        calls: list[tuple[str, JSONObject]] = []
        for at, item in enumerate(items):
            path, kind = f"input[{at}]", kind_of_item(item)
            if kind == REASONING:
                continue
            if kind == CALL:
                calls.append((path, item))
                continue
            self._call(calls)
            calls = []
            if kind != OUTPUT:
                self._add(path, {"role": item["role"], "content": content_of(item["content"])})
            elif item["call_id"] not in self._called:
                raise InvalidValue(
                    f"No tool call found for function call output with call_id {clipped(item['call_id'])}.",
                    param=f"{path}.call_id",
                )
        self._call(calls)

    def _call(self, calls: list[tuple[str, JSONObject]]) -> None:
        """Adds calls that followed each other, and their outputs."""
        if not calls:
            return
        made = [
            {
                "id": call["call_id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for _, call in calls
        ]
        paths = tuple(path for path, _ in calls)
        if self.messages and self.messages[-1]["role"] == "assistant" and "tool_calls" not in self.messages[-1]:
            self.messages[-1]["tool_calls"] = made
            self.places[-1] = Place(self.places[-1].path, paths)
        else:
            self._add(paths[0], {"role": "assistant", "content": None, "tool_calls": made}, paths)
        for path, call in calls:
            name = call["call_id"]
            if name in self._called:
                raise InvalidValue(f"Two function calls with call_id {clipped(name)}.", param=f"{path}.call_id")
            if name not in self._outputs:
                raise InvalidValue(f"No tool output found for function call {clipped(name)}.", param=f"{path}.call_id")
            self._called.add(name)
            at, output = self._outputs[name]
            self._add(at, {"role": "tool", "tool_call_id": name, "content": content_of(output["output"])})

    def _add(self, path: str, message: dict[str, Any], calls: tuple[str, ...] = ()) -> None:
        self.messages.append(message)
        self.places.append(Place(path, calls, output=message["role"] == "tool"))


def _outputs(items: Iterable[JSONObject]) -> dict[str, tuple[str, JSONObject]]:
    """The outputs of calls with their places, by the ids of the calls."""
    found: dict[str, tuple[str, JSONObject]] = {}
    for at, item in enumerate(items):
        if item.get("type") == OUTPUT:
            if item["call_id"] in found:
                raise InvalidValue(
                    f"Two outputs for function call {clipped(item['call_id'])}.", param=f"input[{at}].call_id"
                )
            found[item["call_id"]] = f"input[{at}]", item
    return found


def content_of(content: str | list[JSONObject]) -> str | list[dict[str, Any]]:
    """A content as chat has it; one text alone as a string, which every server reads."""
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(part: JSONObject) -> dict[str, Any]:
    kind = part["type"]
    if kind == "refusal":
        return {"type": "refusal", "refusal": part["refusal"]}
    if kind == "input_image":
        detail = {} if part.get("detail") is None else {"detail": part["detail"]}
        return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    if kind == "input_file":
        name = {} if part.get("filename") is None else {"filename": part["filename"]}
        return {"type": "file", "file": {**name, "file_data": part["file_data"]}}
    return {"type": "text", "text": part["text"]}


def chat_body(data: Mapping[str, Any], body: JSONObject, messages: Messages, others: Iterable[str]) -> dict[str, Any]:
    """The body of the chat. `data` is what was made of the request's `body`; `others` are the parameters of it that
    OpenAI's specification does not have, and which an upstream gets as they are."""
    chat: dict[str, Any] = {"model": data["model"], "messages": messages}
    for name in (*SAME, *others):
        if body.get(name) is not None:
            chat[name] = body[name]
    renamed = {
        "max_completion_tokens": data.get("max_output_tokens"),
        "reasoning_effort": data.get("reasoning"),
        "verbosity": (body.get("text") or {}).get("verbosity"),
        "response_format": _response_format(data.get("text"), body),
        "stream": data.get("stream") or None,
    }
    chat |= {name: value for name, value in renamed.items() if value is not None}
    if (top := top_logprobs(data)) is not None:
        chat |= {"logprobs": True, "top_logprobs": top}
    if data.get("tools"):
        chat["tools"] = [_tool(tool) for tool in body["tools"]]
        if (choice := body.get("tool_choice")) is not None:
            function = isinstance(choice, dict)
            chat["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}} if function else choice
        if (parallel := data.get("parallel_tool_calls")) is not None:
            chat["parallel_tool_calls"] = parallel
    return chat


def top_logprobs(data: Mapping[str, Any]) -> int | None:
    """How many alternatives of a token are to be told; None where not even the token's own probability is."""
    most: int = data.get("top_logprobs") or 0
    return most if most or data.get("include") else None


def _tool(tool: JSONObject) -> dict[str, Any]:
    members = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {name: tool[name] for name in members if tool.get(name) is not None}}


def _response_format(read: tuple[Any, ResponseFormat] | None, body: JSONObject) -> dict[str, Any] | None:
    form = read[1].type if read else "text"
    if form == "text":
        return None
    if form == "json_object":
        return {"type": form}
    given, members = body["text"]["format"], ("name", "description", "schema", "strict")
    schema = {name: given[name] for name in members if given.get(name) is not None}
    return {"type": form, "json_schema": schema}
