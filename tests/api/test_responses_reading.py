"""Answers of chats that are none: other servers say whatever they like."""

from typing import Any

import pytest

from api.responses.reading import CallPiece, Piece, Unreadable, piece_of

UNREADABLE: list[Any] = [
    {"content": 5},
    {"content": ["a"]},
    {"refusal": {}},
    {"tool_calls": {}},
    {"tool_calls": ["f"]},
    {"tool_calls": [{"id": "call_1", "function": "f"}]},
    {"tool_calls": [{"id": 5, "function": {"name": "f"}}]},
    {"tool_calls": [{"id": "call_1", "function": {"name": "f", "arguments": {}}}]},
    "Hi",
    ["Hi"],
]
NO_CHATS: list[Any] = [
    {"choices": {}},
    {"choices": ["Hi"]},
    {"choices": [{"message": {}, "delta": {}, "finish_reason": 5}]},
    {"choices": [{"message": {}, "delta": {}, "logprobs": "all"}]},
    {"choices": [{"message": {}, "delta": {}, "logprobs": {"content": {}}}]},
    *(
        {"choices": [{"message": {}, "delta": {}, "logprobs": {"content": [entry]}}]}
        for entry in ("a", {"logprob": 0}, {"token": 5, "logprob": 0}, {"token": "a", "logprob": True}, {"token": "a"})
    ),
    *({"choices": [{"message": said, "delta": said}]} for said in UNREADABLE),
]


@pytest.mark.parametrize("answer", NO_CHATS)
@pytest.mark.parametrize("member", ["message", "delta"])
def test_what_cannot_be_understood_is_told(answer: Any, member: str) -> None:
    with pytest.raises(Unreadable):
        piece_of(answer, member, logprobs=True)


@pytest.mark.parametrize("answer", [{}, {"choices": None}, {"choices": []}])
def test_only_a_chunk_may_say_nothing_at_all(answer: Any) -> None:
    assert piece_of(answer, "delta", logprobs=True) == Piece()
    with pytest.raises(Unreadable):
        piece_of(answer, "message", logprobs=True)


def test_logprobs_that_nobody_asked_for_are_not_looked_at() -> None:
    assert piece_of({"choices": [{"message": {}, "logprobs": "all"}]}, "message", logprobs=False) == Piece()


def test_a_call_is_numbered_by_its_place_where_it_has_no_number() -> None:
    calls = [{"id": "", "function": {"name": ""}}, {"id": "c", "function": {"name": "f", "arguments": "{}"}}]
    read = piece_of({"choices": [{"delta": {"tool_calls": calls}}]}, "delta", logprobs=False).calls
    assert read == (CallPiece(0, None, None, ""), CallPiece(1, "c", "f", "{}"))
