"""An upstream's server-sent events (WHATWG HTML, 9.2), taken apart as they arrive, and passed on."""

from typing import NamedTuple

from aiohttp import StreamReader

from api.backends.base import Call
from api.backends.upstream_answers import note, parse, renamed
from api.backends.upstream_errors import unusable
from api.exceptions import APIError

DONE = b"[DONE]"
MAX_EVENT_BYTES = 4 * 1024 * 1024


class Events:
    """Takes blocks of bytes, split anywhere, and gives the data of the events that they complete.

    Comments, `event:`, `id:` and `retry:` lines are dropped. Lines of one event's data are joined by a space: in JSON
    a line break can only stand where a space can.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self.unfinished = 0
        """How many bytes of an event are held that is not complete."""

    def feed(self, block: bytes) -> list[bytes]:
        """The data of every event that `block` completes; empty data is none."""
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop()
        found = []
        for line in lines:
            text = line[:-1] if line.endswith(b"\r") else line
            if text.startswith(b"data:"):
                self._data.append(text[6:] if text.startswith(b"data: ") else text[5:])
            elif not text and self._data:
                data = b" ".join(self._data) if len(self._data) > 1 else self._data[0]
                self._data = []
                if data:
                    found.append(data)
        self.unfinished = len(self._rest) + sum(map(len, self._data))
        return found

    async def read(self, content: StreamReader, call: Call) -> list[bytes] | None:
        """The data of the events that the next block completes, None at the end of the stream. A last event that no
        empty line ends counts. Raises `UpstreamError` for an event beyond 4 MiB."""
        block = await content.readany()
        if not block:
            return self.feed(b"\n\n") or None
        found = self.feed(block)
        if self.unfinished > MAX_EVENT_BYTES:
            raise unusable("event too large", call, broken=False)
        return found


class Block(NamedTuple):
    """What is sent on of one block of an upstream's: its events in one piece. `ended` where the stream did, and `wrong`
    what stands in the place of the next event."""

    content: bytes
    ended: bool = False
    wrong: APIError | None = None


def passed_on(found: list[bytes], call: Call, *, include_usage: bool) -> Block:
    """What to send for the data of these events: the same under the catalog's model id. Together, because a server that
    has fallen behind gets many at a time, and catches up.

    Without the chunk that tells the usage, unless the caller asked for it. `"usage": null` on other chunks stays: it
    says nothing that is not so. What is no JSON object is wrong, and so is an error in it.
    """
    events: list[bytes] = []
    for data in found:
        if data.strip() == DONE:
            return Block(b"".join(events), ended=True)
        try:
            chunk = parse(data, call)
        except APIError as error:
            return Block(b"".join(events), wrong=error)
        note(chunk, call)
        if include_usage or not chunk.get("usage") or chunk.get("choices"):
            events.append(b"data: %b\n\n" % renamed(data, chunk, call))
    return Block(b"".join(events))
