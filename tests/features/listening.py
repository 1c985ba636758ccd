"""A client of event streams, which waits for what comes and gives up after a while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jsonschema

from tests.features.ofrep import ADA, EVALUATE, EVENT

PATIENCE = 30.0
"""Seconds that a stream may be silent, comments included, until a test fails."""


class Listener:
    """One stream that is open. `first` is what comes before all events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._blocks = self._read()
        self.first = next(self._blocks)
        self.comments = 0

    def event(self) -> dict[str, Any]:
        """The data of the next event."""
        return self._data(next(self._events()))

    def rest(self) -> list[dict[str, Any]]:
        """The events until the end."""
        return [self._data(block) for block in self._events()]

    @property
    def known(self) -> str:
        """The id that a browser would come back with."""
        return self.first["id"]

    def _data(self, block: dict[str, str]) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(block["data"])
        jsonschema.validate(data, EVENT)
        self.first["id"] = block["id"]
        return data

    def _events(self) -> Iterator[dict[str, str]]:
        for block in self._blocks:
            if "data" in block:
                yield block
            else:
                assert set(block) == {""}, "what is no event is a comment"
                self.comments += 1

    def _read(self) -> Iterator[dict[str, str]]:
        block: dict[str, str] = {}
        for line in self.response.iter_lines():
            if line:
                name, _, value = line.partition(":")
                block[name] = value.strip()
            elif block:
                yield block
                block = {}


@contextmanager
def listening(url: str, **headers: str) -> Iterator[Listener]:
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE) as response:
        assert response.status_code == 200, response.read()
        yield Listener(response)


def offered(client: httpx.Client, **headers: str) -> str:
    """The address of the stream that goes with all flags."""
    answer = client.post(EVALUATE, json=ADA, headers=headers)
    (stream,) = answer.json()["eventStreams"]
    url: str = stream["url"]
    return url
