"""Those who call during a soak, as real clients do: OpenAI's SDK, OpenFeature's with its OFREP provider, and httpx.

A process of its own: the plan comes as JSON on standard input, and each call is a line of JSON in a file. Every caller
has connections of their own, and pauses between calls. Clients are as they come, and so repeat what failed: the SDK
twice.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx
import openai
import requests
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from benchmarks.everything import CHAT, EMBEDDING, FEATURE, STREAM

KNOWN_MS = {"chat": 50, "stream": 50, "embeddings": 20, "flag": 0, "events": 0}
"""How long the upstream takes for each before its first byte."""
WEIGHTS = {"chat": 40, "stream": 20, "embeddings": 15, "flag": 15, "events": 10}
PAUSE = 0.15
"""Seconds between two calls of a caller, on average."""
SAID = "What is the answer to life, the universe and everything?"
EVENTS_PATH = "/api/analytics/events"


class Broken(Exception):
    """An answer that is not whole."""


class Caller:
    """One of them. Each kind of call returns the headers of its answer, and raises where there is none."""

    def __init__(self, number: int, plan: Mapping[str, Any], book: IO[str]) -> None:
        self.number = number
        self.book = book
        self.begin: float = plan["begin"]
        self.end = self.begin + plan["seconds"]
        self.chance = random.Random(number)
        self.attempts = self.calls = 0
        url, key = plan["url"], plan["key"]
        counted = openai.DefaultAsyncHttpxClient(event_hooks={"request": [self.count]}, timeout=60)
        self.openai = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, http_client=counted)
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, event_hooks={"request": [self.count]}, timeout=60)
        provider = OFREPProvider(url, headers_factory=lambda: headers)
        provider.session.hooks["response"].append(self.heard)
        api.set_provider(provider, domain=f"caller-{number}")
        self.flags = api.get_client(domain=f"caller-{number}")
        self.flag_headers: Mapping[str, str] = {}
        self.kinds: dict[str, Callable[[], Awaitable[Mapping[str, str]]]] = {
            "chat": self.chat, "stream": self.stream, "embeddings": self.embeddings, "flag": self.flag,
            "events": self.events,
        }  # fmt: skip

    async def count(self, request: object) -> None:
        self.attempts += 1

    def heard(self, response: requests.Response, *args: Any, **options: Any) -> None:
        self.attempts += 1
        self.flag_headers = response.headers

    async def run(self) -> None:
        while (now := time.time()) < self.end:
            kind = self.chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
            await self.call(kind, now)
            await asyncio.sleep(self.chance.expovariate(1 / PAUSE))

    async def call(self, kind: str, now: float) -> None:
        """Calls, and writes down how that went."""
        self.calls += 1
        before = self.attempts
        entry: dict[str, Any] = {"at": now - self.begin, "kind": kind, "failed": ""}
        started = time.perf_counter()
        try:
            headers = await self.kinds[kind]()
        except Exception as error:  # noqa: BLE001 - whatever it is, this call has failed, and the next one comes
            entry["failed"] = repr(error)
        else:
            entry["id"] = headers["x-request-id"]
            entry["added_ms"] = max(0, int(headers["openai-processing-ms"]) - KNOWN_MS[kind])
        entry["ms"] = (time.perf_counter() - started) * 1000
        entry["attempts"] = self.attempts - before
        self.book.write(json.dumps(entry) + "\n")

    async def chat(self) -> Mapping[str, str]:
        raw = await self.openai.chat.completions.with_raw_response.create(
            model=CHAT, messages=[{"role": "user", "content": SAID}], user=f"user-{self.calls}"
        )
        if not raw.parse().choices[0].message.content:
            raise Broken("no content")
        return raw.headers

    async def stream(self) -> Mapping[str, str]:
        raw = await self.openai.chat.completions.with_raw_response.create(
            model=STREAM, messages=[{"role": "user", "content": SAID}], stream=True
        )
        finished = False
        async for chunk in raw.parse():
            finished = finished or any(choice.finish_reason == "stop" for choice in chunk.choices)
        if not finished:
            raise Broken("the stream broke off")
        return raw.headers

    async def embeddings(self) -> Mapping[str, str]:
        raw = await self.openai.embeddings.with_raw_response.create(model=EMBEDDING, input=[SAID, SAID])
        if len(raw.parse().data) != 2:
            raise Broken("not two vectors")
        return raw.headers

    async def flag(self) -> Mapping[str, str]:
        context = EvaluationContext(f"user-{self.calls}")
        found = await asyncio.to_thread(self.flags.get_boolean_details, FEATURE, False, context)
        if found.error_code is not None:
            raise Broken(str(found.error_message))
        return self.flag_headers

    async def events(self) -> Mapping[str, str]:
        now = datetime.now(UTC).isoformat()
        one = {"event": "page_view", "properties": {"path": "/docs"}, "timestamp": now}
        batch = [{**one, "id": f"soak-{self.number}-{self.calls}-{place}"} for place in range(10)]
        answer = await self.http.post(EVENTS_PATH, json={"events": batch, "sent_at": now})
        answer.raise_for_status()
        if answer.json()["accepted"] != len(batch):
            raise Broken(answer.text)
        return answer.headers


async def all_of(plan: Mapping[str, Any], book: IO[str]) -> None:
    callers = [Caller(number, plan, book) for number in range(plan["callers"])]
    await asyncio.gather(*(caller.run() for caller in callers))


def main(plan: Mapping[str, Any]) -> None:
    with Path(plan["book"]).open("w") as book:
        asyncio.run(all_of(plan, book))


if __name__ == "__main__":
    main(json.load(sys.stdin))
