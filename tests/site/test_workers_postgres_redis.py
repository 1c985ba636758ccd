"""Several workers, on PostgreSQL and Redis: what one process changes is known in every worker within seconds."""

import http.client
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from tests.processes import Installation, Served, eventually
from tests.site.cluster_postgres import Database
from tests.site.conftest import Install

WORKERS = 2
REVOKED_WITHIN = 5
ALIAS_SEEN_WITHIN = 3
"""Seconds, as the documentation promises."""


class Line:
    """One open connection, and so one worker. Asking on it fails where it was cut: no other worker answers instead."""

    def __init__(self, served: Served) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=10)
        self._connection.connect()
        self._connection.auto_open = 0

    def ask(self, key: str, idempotency_key: str = "", **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and body of GET /v1/models, or of a chat with `body`."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        if body:
            self._connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        else:
            self._connection.request("GET", "/v1/models", headers=headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def close(self) -> None:
        self._connection.close()


def worker_ids(served: Served) -> list[int]:
    started = re.findall(r"Started server process \[(\d+)\]", served.log.read_text())
    return [int(process) for process in started]


@contextmanager
def lines_to_each(served: Served, key: str) -> Iterator[list[Line]]:
    """A line to each worker: opened while the other workers stand still."""
    workers = eventually(
        lambda: len(ids := worker_ids(served)) == WORKERS and ids, 30, f"{WORKERS} workers have started"
    )
    with ExitStack() as lines:
        yield [lines.enter_context(closing(line_to(worker, workers, served, key))) for worker in workers]


def line_to(worker: int, workers: list[int], served: Served, key: str) -> Line:
    others = [other for other in workers if other != worker]
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        line = Line(served)
        assert line.ask(key)[0] == 200
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)
    return line


@pytest.fixture
def site(install: Install, postgresql: Database, redis_proc: Any) -> Installation:
    return install(DATABASE_URL=postgresql.url(), REDIS_URL=f"redis://{redis_proc.host}:{redis_proc.port}/0")


def test_several_workers_serve_the_official_sdk_and_agree_within_seconds(site: Installation) -> None:
    key = site.bootstrap()
    leaves = site.manage("create_api_key", "leaves").stdout.strip()
    with site.serve("--workers", str(WORKERS)) as served:
        answer_the_sdk(served, key)
        with lines_to_each(served, key) as lines:
            assert [line.ask(leaves)[0] for line in lines] == [200] * WORKERS
            agree_on_an_alias(site, lines, key)
            agree_on_an_answer(lines, key)
            agree_on_metrics(served, lines)
            agree_on_a_revocation(site, lines, leaves)
            assert [line.ask(key)[0] for line in lines] == [200] * WORKERS, "another key went with it"
        checks = served.readiness()["checks"]
        assert checks["database"] == {"ok": True, "detail": "postgresql"}
        assert checks["cache"] == {"ok": True, "detail": "RedisCache"}
        assert served.stop(signal.SIGTERM) == 0
        log = served.log.read_text()
    assert "Traceback" not in log
    assert len(worker_ids(served)) == WORKERS, "a worker had to be started anew"


def answer_the_sdk(served: Served, key: str) -> None:
    with openai.OpenAI(
        base_url=f"{served.url}/v1", api_key=key, max_retries=0, _strict_response_validation=True
    ) as sdk:
        assert "lukhas-echo-1" in {model.id for model in sdk.models.list()}
        said = [{"role": "user", "content": "a stream through PostgreSQL"}]
        whole = sdk.chat.completions.create(model="lukhas-echo-1", messages=said)
        pieces = sdk.chat.completions.create(model="lukhas-echo-1", messages=said, stream=True)
        streamed = "".join(piece.choices[0].delta.content or "" for piece in pieces)
        assert streamed == whole.choices[0].message.content
        vectors = sdk.embeddings.create(model="lukhas-echo-1", input=["a", "b"], encoding_format="float")
        assert len(vectors.data) == 2


def agree_on_an_alias(site: Installation, lines: list[Line], key: str) -> None:
    """An alias is moved by a command from one model to another: each worker answers with the new one in time."""
    hello = {"model": "moving", "messages": [{"role": "user", "content": "hello"}]}
    assert [line.ask(key, **hello)[0] for line in lines] == [404] * WORKERS
    for target in ("lukhas-echo-1", "second-echo"):
        if target == "second-echo":
            site.manage("add_model", "second-echo", "--upstream", "echo")
        site.manage("alias_model", "moving", target)
        moved = time.monotonic()
        for line in lines:
            eventually(lambda line=line, target=target: line.ask(key, **hello)[1].get("model") == target, 10, target)
        assert time.monotonic() - moved < ALIAS_SEEN_WITHIN


def agree_on_an_answer(lines: list[Line], key: str) -> None:
    """What one worker answered under an Idempotency-Key, each answers."""
    hello = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "hello"}]}
    assert len({line.ask(key, "once", **hello)[1]["id"] for line in lines}) == 1


def agree_on_metrics(served: Served, lines: list[Line]) -> None:
    """Whichever worker is asked tells what all of them counted, those five seconds ago that are not asked."""
    counted = re.compile(r'lukhas_inference_requests_total\{model="second-echo",status="200",upstream="echo"\} (\S+)')

    def told() -> float:
        found = counted.search(served.get("/metrics").text)
        return float(found[1]) if found else 0.0

    eventually(lambda: told() >= len(lines), 20, "what each worker counted is told")


def agree_on_a_revocation(site: Installation, lines: list[Line], key: str) -> None:
    """A key that each worker remembers is revoked by a command: each refuses it in time."""
    assert [line.ask(key)[0] for line in lines] == [200] * WORKERS
    site.manage("revoke_api_key", key)
    revoked = time.monotonic()
    for line in lines:
        eventually(lambda line=line: line.ask(key)[0] == 401, 10, "the key has ended")
    assert time.monotonic() - revoked < REVOKED_WITHIN
