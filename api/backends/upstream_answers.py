"""The body of an upstream's answer, passed on byte for byte but for `model`, and what it says of usage.

Floats, key order and spacing of an answer that was parsed and written anew would differ, so only the value of the
top-level `model` is cut out and replaced. Where it stands is found by patterns that match whole members and are tied to
the start or the end of the document: they cannot take a nested key, or text in a string, for it. Where they do not
match (escapes, other shapes), the answer is written anew.
"""

import re

import orjson

from api.backends.base import Call, Usage
from api.backends.upstream_errors import told_within, unusable
from api.requests import JSONObject

_STRING = rb'"[^"\\]*+"'
_FLAT = rb'\{(?:[^{}"\\]++|%b)*+\}' % _STRING
_OBJECT = rb'\{(?:[^{}"\\]++|%b|%b)*+\}' % (_STRING, _FLAT)
_MEMBER = rb"%b\s*:\s*(?:%b|[-+.\w]++|%b)\s*" % (_STRING, _STRING, _OBJECT)
# From the opening brace over members of scalars and small objects to the value of `model`.
MODEL = re.compile(rb'\s*\{\s*(?:%b,\s*)*?"model"\s*:\s*("[^"\\]*")' % _MEMBER)
# What follows the last array of the document, down to its end. A match cannot begin within a string: were its first
# quote a closing one, the last would be an opening one, and the document would end within a string.
TAIL = re.compile(rb"\]\s*,\s*(%b(?:,\s*%b)*+)\}\s*\Z" % (_MEMBER, _MEMBER))
TAIL_BYTES = 4096


def answer(body: bytes, call: Call) -> bytes:
    """The body under the catalog's model id. Sets the call's usage, response id and finish reasons.

    Raises `UpstreamError` where the body is not a JSON object, and what an error within it stands for.
    """
    parsed = parse(body, call)
    note(parsed, call)
    return renamed(body, parsed, call)


def embeddings_answer(body: bytes, call: Call) -> bytes:
    """As `answer`, without parsing what need not be: megabytes of floats take long."""
    return _scanned(body, call) or answer(body, call)


def parse(body: bytes, call: Call) -> JSONObject:
    """The JSON object that `body` is. Raises `UpstreamError`, and what an error within it stands for."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unusable("not JSON", call) from None
    if not isinstance(parsed, dict):
        raise unusable("not a JSON object", call)
    error = told_within(parsed, call)
    if error is not None:
        raise error
    return parsed


def note(parsed: JSONObject, call: Call) -> None:
    """Takes over what an answer or a chunk of one says: response id, finish reasons, usage."""
    if isinstance(identity := parsed.get("id"), str):
        call.response_id = identity
    choices = parsed.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and isinstance(reason := choice.get("finish_reason"), str):
                call.finish_reasons += (reason,)
    if isinstance(used := parsed.get("usage"), dict):
        call.usage = usage(used)


def usage(used: JSONObject) -> Usage:
    """OpenAI's `usage` object in our words; what is missing or no count is 0."""
    return Usage(
        _count(used.get("prompt_tokens")),
        _count(used.get("completion_tokens")),
        _detail(used.get("prompt_tokens_details"), "cached_tokens"),
        _detail(used.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _detail(details: object, name: str) -> int:
    return _count(details.get(name)) if isinstance(details, dict) else 0


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def renamed(body: bytes, parsed: JSONObject, call: Call) -> bytes:
    """`body`, whose value is `parsed`, with the catalog's id as `model`."""
    model = call.target.model
    known = parsed.get("model")
    if known == model:
        return body
    if isinstance(known, str):
        old = b'"%b"' % known.encode()
        found = MODEL.match(body)
        # Another value found than was parsed: the key stands there twice.
        if found and found[1] == old:
            return _spliced(body, found.start(1), found.end(1), model)
        tail = _tail(body)
        at = _in_tail(tail) if tail else None
        if at is not None and body[at[0] : at[1]] == old:
            return _spliced(body, *at, model)
    return orjson.dumps({**parsed, "model": model})


def _scanned(body: bytes, call: Call) -> bytes | None:
    """The body of embeddings, renamed without being parsed, if its end holds the usage, and either end the model."""
    tail = _tail(body)
    if tail is None or not body.lstrip().startswith(b"{"):
        return None
    try:
        members = orjson.loads(b"{%b}" % tail[1])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(members.get("usage"), dict):
        return None
    head = MODEL.match(body)
    at = _in_tail(tail) or (head and head.span(1))
    if at is None:
        return None
    note(members, call)
    return _spliced(body, *at, call.target.model)


def _tail(body: bytes) -> re.Match[bytes] | None:
    return TAIL.search(body, max(0, len(body) - TAIL_BYTES))


def _in_tail(tail: re.Match[bytes]) -> tuple[int, int] | None:
    """Where in the document the value of `model` begins and ends, if it is among the members of the tail."""
    found = MODEL.match(b"{%b}" % tail[1])
    if found is None:
        return None
    shift = tail.start(1) - 1
    return found.start(1) + shift, found.end(1) + shift


def _spliced(body: bytes, start: int, end: int, model: str) -> bytes:
    return b"".join((memoryview(body)[:start], orjson.dumps(model), memoryview(body)[end:]))
