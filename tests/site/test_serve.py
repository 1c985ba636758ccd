"""`manage.py serve`."""

import json
import signal
import socket
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from lukhas_site.http.listening import AT_ONCE
from tests.processes import Served, eventually
from tests.site.conftest import Install


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("serve", *arguments)
    return str(caught.value)


def test_several_workers_need_a_shared_database_and_a_shared_cache() -> None:
    message = refusal("--workers", "2")
    assert message.startswith("2 workers need a DATABASE_URL of PostgreSQL and REDIS_URL: ")
    assert "serve with one worker" in message


def test_only_what_is_missing_is_asked_for(install: Install, settings: Any) -> None:
    settings.REDIS_URL = "redis://localhost"
    assert refusal("--workers", "3").startswith("3 workers need a DATABASE_URL of PostgreSQL: ")
    site = install(DATABASE_URL="postgres://localhost/lukhas")
    assert "3 workers need REDIS_URL: " in site.manage("serve", "--workers", "3", status=1).stderr


def test_an_sqlite_database_that_is_named_by_a_url_is_not_shared_either(install: Install) -> None:
    site = install(REDIS_URL="redis://localhost", DATABASE_URL="sqlite:////nowhere/lukhas.sqlite3")
    refused = site.manage("serve", "--workers", "2", status=1)
    assert "2 workers need a DATABASE_URL of PostgreSQL: " in refused.stderr


@pytest.mark.parametrize("workers", ["0", "-1"])
def test_there_is_at_least_one_worker(workers: str) -> None:
    assert refusal("--workers", workers) == "--workers must be at least 1."


def stream(served: Served, key: str, heard: list[str]) -> None:
    with httpx.stream(
        "POST",
        f"{served.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": "lukhas-echo-1", "stream": True, "messages": [{"role": "user", "content": "one two " * 10}]},
        timeout=60,
    ) as answer:
        heard.extend(line for line in answer.iter_lines() if line)


def test_it_answers_and_on_sigterm_ends_its_streams_before_itself(install: Install) -> None:
    site = install(LUKHAS_ECHO_CHUNK_SECONDS="0.1")
    key = site.bootstrap()
    with site.serve() as served:
        answer = served.get("/v1/models", headers={"Authorization": f"Bearer {key}", "X-Forwarded-Proto": "https"})
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert "strict-transport-security" not in answer.headers, "a caller's word on its own protocol was believed"
        heard: list[str] = []
        listening = threading.Thread(target=stream, args=(served, key, heard))
        listening.start()
        eventually(lambda: len(heard) > 2, 20, "the stream has begun")
        assert served.stop(signal.SIGTERM) == -signal.SIGTERM
        listening.join()
        assert heard[-1] == "data: [DONE]"
        log = served.log.read_text()
    assert "Application shutdown complete." in log
    assert "Traceback" not in log
    assert log.count('"event":"request"') == log.count('"path":'), "one line a request, and no other access log"


def test_a_stream_that_takes_longer_than_the_grace_ends_with_an_error_and_is_on_the_books(install: Install) -> None:
    site = install(LUKHAS_ECHO_CHUNK_SECONDS="0.5", LUKHAS_GRACE_SECONDS="1")
    key = site.bootstrap()
    with site.serve() as served:
        heard: list[str] = []
        listening = threading.Thread(target=stream, args=(served, key, heard))
        listening.start()
        eventually(lambda: len(heard) > 2, 20, "the stream has begun")
        assert served.stop(signal.SIGTERM) == -signal.SIGTERM
        listening.join()
        log = served.log.read_text()
    error = json.loads(heard[-1].removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("service_unavailable_error", "server_stopping")
    assert "Traceback" not in log
    assert "graceful shutdown exceeded" not in log
    with closing(sqlite3.connect(site.data / "lukhas.sqlite3")) as database:
        books = database.execute("SELECT status, error_code, output_tokens FROM analytics_usagerecord").fetchall()
    assert [(status, code) for status, code, _ in books] == [(503, "server_stopping")]
    assert books[0][2] > 0


def test_it_listens_as_often_as_it_wants_to_let_callers_in_at_once(install: Install) -> None:
    site = install()
    with site.serve() as served:
        descriptors = Path(f"/proc/{served.process.pid}/fd").iterdir()
        sockets = Counter(str(each.readlink()) for each in descriptors)
    assert max(count for name, count in sockets.items() if name.startswith("socket:")) == AT_ONCE


def test_ctrl_c_ends_it_without_a_traceback(install: Install) -> None:
    site = install()
    with site.serve() as served:
        assert served.stop(signal.SIGINT) == 0
        assert "Traceback" not in served.log.read_text()


def test_a_port_that_is_taken_is_said_to_be(install: Install) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = install().manage("serve", "--port", str(port), status=1)
    assert refused.stderr == f"CommandError: Cannot listen on 127.0.0.1:{port}: Address already in use.\n"


def test_its_help_tells_the_defaults(install: Install) -> None:
    help = install().manage("serve", "--help").stdout
    assert "127.0.0.1" in help
    assert "8000" in help
