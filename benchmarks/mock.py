"""A fast mock upstream, from a bare asyncio protocol: `python -m benchmarks.mock PORT`.

It does as little as possible, so that what is measured is the server in front of it. The path says how it behaves:
`/v1/…` answers at once, and `/first=200,gap=20,chunks=50/v1/…` as `Mode` says. So a base URL is a behaviour.
"""

import asyncio
import base64
import json
import re
import struct
import sys
from dataclasses import dataclass, fields
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import uvloop

MODEL = "mock-upstream-model"
USAGE = {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100}
VECTOR = [round(0.001 * number, 3) for number in range(384)]
STREAMED = re.compile(rb'"stream": ?true')
USAGE_WANTED = re.compile(rb'"include_usage": ?true')
NEVER = 2**31


@dataclass
class Mode:
    """How to behave. Times are in milliseconds; shares are in percent, and spread evenly over the requests."""

    first: int = 0
    """Before the first byte."""
    gap: int = 0
    """Between the chunks of a stream."""
    chunks: int = 10
    """Of a stream."""
    status: int = 503
    """Of those that fail."""
    fail: int = 0
    """How many fail."""
    hang: int = 0
    """How many are never answered."""
    cut: int = NEVER
    """After so many chunks the connection is cut; an answer that is whole is cut in half."""

    def __post_init__(self) -> None:
        self.failing = self.hanging = 0

    def fails(self) -> bool:
        """Whether the next one does."""
        self.failing += self.fail
        due = self.failing >= 100
        self.failing -= 100 * due
        return due

    def hangs(self) -> bool:
        """Likewise."""
        self.hanging += self.hang
        due = self.hanging >= 100
        self.hanging -= 100 * due
        return due


NAMES = {field.name for field in fields(Mode)}


@lru_cache
def mode(text: str) -> Mode:
    """The one behaviour of `first=200,gap=20`. Raises ValueError for what is none."""
    found: dict[str, int] = {}
    for name, _, value in (part.partition("=") for part in text.split(",") if part):
        if name not in NAMES:
            raise ValueError(f"{name} is no behaviour of the mock: {', '.join(sorted(NAMES))}")
        found[name] = int(value)
    return Mode(**found)


@lru_cache(maxsize=1024)
def asked(line: bytes) -> tuple[Mode, bytes]:
    """How to answer a request by its first line, and what it asks for: the last part of its path."""
    before, _, after = line.split(b" ")[1].decode().rpartition("/v1/")
    return mode(before.strip("/")), after.rpartition("/")[2].encode()


def head(kind: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n" % (status, HTTPStatus(status).phrase.encode(), kind)


def whole(body: Any, status: int = 200) -> bytes:
    """An answer in one piece."""
    content = json.dumps(body).encode()
    return head(b"application/json", status) + b"Content-Length: %d\r\n\r\n%b" % (len(content), content)


def event(data: bytes) -> bytes:
    """A server-sent event as a chunk of HTTP's."""
    return b"%x\r\ndata: %b\n\n\r\n" % (len(data) + 8, data)


def chunk(choices: list[Any], **more: Any) -> bytes:
    shape = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": MODEL}
    return event(json.dumps({**shape, "choices": choices, **more}).encode())


def delta(said: dict[str, Any], finish: str | None = None) -> list[Any]:
    return [{"index": 0, "delta": said, "logprobs": None, "finish_reason": finish}]


ANSWER = {
    "id": "chatcmpl-mock",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "It is forty-two. " * 12, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}
WHOLE = whole(ANSWER)
STREAM = head(b"text/event-stream") + b"Transfer-Encoding: chunked\r\n\r\n"
FIRST = chunk(delta({"role": "assistant", "content": "It is"}))
NEXT = chunk(delta({"content": " forty-two"}))
LAST = chunk(delta({}, "stop"))
COUNTED = chunk([], usage=USAGE)
DONE = event(b"[DONE]") + b"0\r\n\r\n"


def failure(status: int) -> bytes:
    return whole({"error": {"message": "The mock fails.", "type": "server_error", "param": None, "code": None}}, status)


def embeddings(body: bytes) -> bytes:
    """As many vectors as there are texts."""
    request = json.loads(body)
    count = len(request["input"]) if isinstance(request["input"], list) else 1
    packed = request.get("encoding_format") == "base64"
    vector = base64.b64encode(struct.pack("<384f", *VECTOR)).decode() if packed else VECTOR
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(count)]
    usage = {"prompt_tokens": 8 * count, "total_tokens": 8 * count}
    return whole({"object": "list", "data": data, "model": MODEL, "usage": usage})


class Mock(asyncio.Protocol):
    """Counts the bytes of each request and answers when it is whole. Who hangs up is answered no more."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # a server's transport can write
        self.loop = asyncio.get_running_loop()
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            header = self.pending[:end].lower()
            at = header.find(b"content-length:")
            length = int(header[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.pending) < end + 4 + length:
                return
            body = self.pending[end + 4 : end + 4 + length]
            line = self.pending[: self.pending.index(b"\r\n")]
            self.pending = self.pending[end + 4 + length :]
            self.answer(*asked(line), body)

    def answer(self, how: Mode, what: bytes, body: bytes) -> None:
        if how.hangs():
            return
        if how.first:
            self.loop.call_later(how.first / 1000, self.begin, how, what, body)
        else:
            self.begin(how, what, body)

    def begin(self, how: Mode, what: bytes, body: bytes) -> None:
        if self.transport.is_closing():
            return
        if how.fails():
            self.transport.write(failure(how.status))
        elif STREAMED.search(body):
            self.transport.write(STREAM)
            self.next(how, 0, self.loop.time(), USAGE_WANTED.search(body) is not None)
        else:
            answer = embeddings(body) if what == b"embeddings" else WHOLE
            self.transport.write(answer if how.cut == NEVER else answer[: len(answer) // 2])
            if how.cut != NEVER:
                self.transport.close()

    def next(self, how: Mode, number: int, due: float, counted: bool) -> None:
        """Writes the chunk with that number, and has the next one follow when it is due, however late this one is."""
        while not self.transport.is_closing():
            if number == how.cut:
                self.transport.close()
                return
            if number == how.chunks:
                self.transport.write(LAST + (COUNTED if counted else b"") + DONE)
                return
            self.transport.write(NEXT if number else FIRST)
            number += 1
            if how.gap:
                due += how.gap / 1000
                self.loop.call_at(due, self.next, how, number, due, counted)
                return


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
