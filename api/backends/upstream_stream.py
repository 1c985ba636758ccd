"""An upstream's server-sent events (WHATWG HTML, 9.2), taken apart as they arrive, and passed on."""

from aiohttp import StreamReader

from api.backends.base import Call
from api.backends.upstream_answers import note, parse, renamed
from api.backends.upstream_errors import unusable

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


def passed_on(data: bytes, call: Call, *, include_usage: bool) -> bytes | None:
    """The event to send for the data of one of the upstream's: the same under the catalog's model id.

    None for the chunk that tells the usage, unless the caller asked for it. `"usage": null` on other chunks stays: it
    says nothing that is not so. Raises `UpstreamError` for what is no JSON object, and what an error in it stands for.
    """
    chunk = parse(data, call)
    note(chunk, call)
    if not include_usage and chunk.get("usage") and not chunk.get("choices"):
        return None
    return b"data: %b\n\n" % renamed(data, chunk, call)
