"""What a chat answers, read: a whole one's choice or a chunk's, in the same form.

Other servers say it in many ways, so nothing is taken for granted here; what cannot be understood is `Unreadable`.
"""

from typing import Any, NamedTuple

from api.requests import JSONObject


class Unreadable(ValueError):
    """It is no answer of a chat as OpenAI's specification has it."""


class CallPiece(NamedTuple):
    """A piece of a tool call; `id` and `name` are there with the first."""

    at: int
    id: str | None
    name: str | None
    arguments: str


class Piece(NamedTuple):
    """What an answer says, whole or in part. `logprobs` are OpenAI's `logprobs.content`, as responses have them."""

    text: str = ""
    refusal: str = ""
    calls: tuple[CallPiece, ...] = ()
    logprobs: tuple[dict[str, Any], ...] = ()
    reason: str | None = None


def piece_of(answer: JSONObject, member: str, *, logprobs: bool) -> Piece:
    """What the first choice says in its `member`: `message` or `delta`. A chunk may have no choice: it says nothing.

    Raises Unreadable.
    """
    choices = _list(answer, "choices")
    if not choices:
        if member == "message":
            raise Unreadable("no choices")
        return Piece()
    choice = _dict(choices[0])
    said = _dict(choice.get(member) or {})
    calls = tuple(_call(at, _dict(call)) for at, call in enumerate(_list(said, "tool_calls")))
    told = _dict(choice.get("logprobs") or {}) if logprobs else {}
    return Piece(
        _text(said, "content") or "",
        _text(said, "refusal") or "",
        calls,
        tuple(_logprob(_dict(entry), alternatives=True) for entry in _list(told, "content")),
        _text(choice, "finish_reason"),
    )


def _call(at: int, call: JSONObject) -> CallPiece:
    function = _dict(call.get("function") or {})
    index = call.get("index")
    return CallPiece(
        index if isinstance(index, int) else at,
        _text(call, "id") or None,
        _text(function, "name") or None,
        _text(function, "arguments") or "",
    )


def _logprob(entry: JSONObject, *, alternatives: bool) -> dict[str, Any]:
    token, logprob, raw = _text(entry, "token"), entry.get("logprob"), entry.get("bytes")
    if token is None or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        raise Unreadable("logprobs")
    read = {"token": token, "logprob": logprob, "bytes": raw if isinstance(raw, list) else list(token.encode())}
    if alternatives:
        others = _list(entry, "top_logprobs")
        read["top_logprobs"] = [_logprob(_dict(other), alternatives=False) for other in others]
    return read


def _text(holder: JSONObject, name: str) -> str | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise Unreadable(name)
    return value


def _list(holder: JSONObject, name: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(name)
    return value


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable("not an object")
    return value
