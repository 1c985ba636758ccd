"""The output of a response, put together from the pieces of a chat's answer: one way for whole ones and streams."""

from typing import Any

from api.responses.items import Event, FunctionCall, Message
from api.responses.reading import CallPiece, Piece, Unreadable

REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a chat's answer is not complete, in its words and in those of responses."""


class Output:
    """The items so far. One is open at a time: where another begins, it is done."""

    def __init__(self) -> None:
        self._items: list[Message | FunctionCall] = []
        self._reason: str | None = None

    @property
    def incomplete(self) -> str | None:
        """Why the answer ended before its time; None where it did not."""
        return REASONS.get(self._reason or "")

    def add(self, piece: Piece) -> list[Event]:
        """Takes the next piece, and tells what happened. Raises Unreadable for a piece of no call that has begun."""
        events: list[Event] = []
        if piece.text or piece.logprobs:
            events += self._say("output_text", piece.text, piece.logprobs)
        if piece.refusal:
            events += self._say("refusal", piece.refusal)
        for call in piece.calls:
            events += self._call(call)
        self._reason = piece.reason or self._reason
        return events

    def end(self) -> list[Event]:
        """The answer ends. One that says nothing is an empty text."""
        events = [] if self._items else self._say("output_text", "")
        return events + self._items[-1].done("incomplete" if self.incomplete else "completed")

    def break_off(self) -> None:
        """Nothing more comes: what is open stays incomplete."""
        for item in self._items:
            if item.status == "in_progress":
                item.status = "incomplete"

    def told(self) -> list[dict[str, Any]]:
        """The items as they are."""
        return [item.told() for item in self._items]

    def _say(self, kind: str, text: str, logprobs: tuple[dict[str, Any], ...] = ()) -> list[Event]:
        events: list[Event] = []
        last = self._items[-1] if self._items else None
        if not isinstance(last, Message):
            last = Message(len(self._items))
            events += self._begin(last)
        return events + last.say(kind, text, logprobs)

    def _call(self, piece: CallPiece) -> list[Event]:
        events: list[Event] = []
        last = self._items[-1] if self._items else None
        if not isinstance(last, FunctionCall) or not last.goes_on_with(piece):
            if piece.name is None:
                raise Unreadable("a call without a name")
            last = FunctionCall(len(self._items), piece, piece.name)
            events += self._begin(last)
        return events + last.go_on(piece.arguments)

    def _begin(self, item: Message | FunctionCall) -> list[Event]:
        done = self._items[-1].done("completed") if self._items else []
        self._items.append(item)
        return done + item.added()
