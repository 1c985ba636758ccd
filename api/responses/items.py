"""The items of a response, a message and a function call, and the events that tell how each comes about."""

import secrets
from collections.abc import Iterable
from typing import Any

from api.responses.reading import CallPiece

Event = tuple[str, dict[str, Any]]
"""Its type and its members, without the number that it gets when it is sent."""


def new_id(prefix: str) -> str:
    """A fresh opaque id: `resp_…`, `msg_…`, `fc_…` or `call_…`."""
    return f"{prefix}_{secrets.token_hex(24)}"


class _Part:
    """A part of a message: `output_text` or `refusal`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.said: list[str] = []
        self.logprobs: list[dict[str, Any]] = []

    def told(self) -> dict[str, Any]:
        text = "".join(self.said)
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": self.logprobs}

    def logprobs_of_events(self, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """The member `logprobs` of an event about a text: shorter there than in the part itself."""
        return {} if self.kind == "refusal" else {"logprobs": [_brief(entry) for entry in entries]}


class Message:
    """What the assistant says. `at` is its place in the output."""

    def __init__(self, at: int) -> None:
        self.id = new_id("msg")
        self.status = "in_progress"
        self._at = at
        self._parts: list[_Part] = []

    def added(self) -> list[Event]:
        return [("response.output_item.added", {"output_index": self._at, "item": self.told()})]

    def say(self, kind: str, text: str, logprobs: Iterable[dict[str, Any]]) -> list[Event]:
        """Goes on with a text or a refusal; ends the part before where that was of another kind."""
        events: list[Event] = []
        if not self._parts or self._parts[-1].kind != kind:
            events += self._part_done()
            self._parts.append(_Part(kind))
            events.append(("response.content_part.added", {**self._place(), "part": self._parts[-1].told()}))
        part = self._parts[-1]
        entries = [*logprobs]
        part.logprobs += entries
        if text or entries:
            part.said.append(text)
            members = {**self._place(), "delta": text, **part.logprobs_of_events(entries)}
            events.append((f"response.{part.kind}.delta", members))
        return events

    def done(self, status: str) -> list[Event]:
        """The message ends, and is `completed` or `incomplete`."""
        self.status = status
        return [*self._part_done(), ("response.output_item.done", {"output_index": self._at, "item": self.told()})]

    def told(self) -> dict[str, Any]:
        content = [part.told() for part in self._parts]
        return {"id": self.id, "type": "message", "status": self.status, "role": "assistant", "content": content}

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self._at, "content_index": len(self._parts) - 1}

    def _part_done(self) -> list[Event]:
        if not self._parts:
            return []
        part = self._parts[-1]
        place, told = self._place(), part.told()
        member = "refusal" if part.kind == "refusal" else "text"
        return [
            (f"response.{part.kind}.done", {**place, member: told[member], **part.logprobs_of_events(part.logprobs)}),
            ("response.content_part.done", {**place, "part": told}),
        ]


class FunctionCall:
    """A call that the model asks for. `at` is its place in the output; `piece` its first, which has a name."""

    def __init__(self, at: int, piece: CallPiece, name: str) -> None:
        self.id = new_id("fc")
        self.status = "in_progress"
        self._at = at
        self._told_at = piece.at
        self._told_id = piece.id
        self._call_id = piece.id or new_id("call")
        self._name = name
        self._arguments: list[str] = []

    def goes_on_with(self, piece: CallPiece) -> bool:
        """Whether this is a piece of it, too. Some servers repeat the id each time, some give all calls one index."""
        return piece.at == self._told_at and (piece.name is None or piece.id in (None, self._told_id))

    def added(self) -> list[Event]:
        return [("response.output_item.added", {"output_index": self._at, "item": self.told()})]

    def go_on(self, arguments: str) -> list[Event]:
        if not arguments:
            return []
        self._arguments.append(arguments)
        members = {"item_id": self.id, "output_index": self._at, "delta": arguments}
        return [("response.function_call_arguments.delta", members)]

    def done(self, status: str) -> list[Event]:
        """The call ends, and is `completed` or `incomplete`."""
        self.status = status
        told = self.told()
        members = {"item_id": self.id, "output_index": self._at, "name": self._name, "arguments": told["arguments"]}
        return [
            ("response.function_call_arguments.done", members),
            ("response.output_item.done", {"output_index": self._at, "item": told}),
        ]

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "function_call",
            "status": self.status,
            "arguments": "".join(self._arguments),
            "call_id": self._call_id,
            "name": self._name,
        }


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    others = [{"token": other["token"], "logprob": other["logprob"]} for other in entry["top_logprobs"]]
    return {"token": entry["token"], "logprob": entry["logprob"], "top_logprobs": others}
