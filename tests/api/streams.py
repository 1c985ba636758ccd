"""Server-sent events, taken apart as the tests compare them."""

from typing import Any

import httpx
import orjson


def chunks_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a good stream, which ends with [DONE] and nothing after it."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *events, done, end = answer.text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    return [orjson.loads(event.removeprefix("data: ")) for event in events if not event.startswith(":")]


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The events of a response's stream, numbered from 0 on, each named as it names itself; nothing follows them."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *blocks, end = answer.text.split("\n\n")
    assert end == ""
    events = []
    for block in blocks:
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        event = orjson.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == len(events)
        events.append(event)
    return events


def text_of(chunks: list[dict[str, Any]], index: int = 0) -> str:
    """What one choice says."""
    choices = [choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content") or "" if "delta" in choice else choice["text"] for choice in choices)
