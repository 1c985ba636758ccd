"""Usage on real processes that are killed, and on a disk that is full."""

import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from analytics.segments import SUFFIX
from tests.processes import MANAGE, ROOT, Installation, Served, answers, eventually, free_port
from tests.site import killing
from tests.site.conftest import Install

DAY = 86_400
ECHO = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "hello"}]}


def chat(served: Served, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{served.url}/v1/chat/completions", json=ECHO, headers=headers, timeout=60)


@pytest.mark.timeout(300)
def test_five_kills_under_load_lose_no_answered_request_or_event_and_keep_none_twice(install: Install) -> None:
    site = install()
    proof = killing.run(site, 5)
    assert proof.answered >= 5 * killing.ANSWERS_BEFORE_A_KILL
    assert proof.recorded >= proof.answered
    assert proof.events >= 5 * killing.BATCHES_BEFORE_A_KILL * killing.SENDERS
    assert "Nothing differs." in site.manage("rebuild_rollups").stdout, "all of it is summed up, and once"


def test_what_a_killed_process_left_is_drained_by_another_of_the_machine_while_it_serves(install: Install) -> None:
    site = install()
    key = site.bootstrap()
    with site.serve() as killed, site.serve() as other:
        request_ids = {chat(killed, key).headers["x-request-id"] for _ in range(20)}
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait(30)
        eventually(lambda: request_ids <= killing.rows(site).keys(), 15, "the other has drained it")
        mine = chat(other, key).headers["x-request-id"]
        eventually(lambda: mine in killing.rows(site), 15, "its own as well")
        admin = {"Authorization": f"Bearer {site.manage('create_api_key', 'books', '--admin').stdout.strip()}"}
        begin = int(time.time()) // DAY * DAY - DAY
        answer = other.get("/v1/organization/usage/completions", params={"start_time": begin}, headers=admin)
        used = [result for bucket in answer.json()["data"] for result in bucket["results"]]
        books = [
            sum(result[name] for result in used) for name in ("num_model_requests", "input_tokens", "output_tokens")
        ]
        assert books == [21, 21, 21], "what was asked of either, to the token"
    assert not list((site.data / "journal" / "usage").glob(f"*{SUFFIX}"))


@contextmanager
def quiet(site: Installation) -> Iterator[Served]:
    """A server whose log goes nowhere: its files may be limited in size."""
    port = free_port()
    process = subprocess.Popen(
        [*MANAGE, "serve", "--port", str(port)],
        cwd=ROOT,
        env=site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    log = site.data / "nothing"
    log.touch()
    served = Served(process, f"http://127.0.0.1:{port}", log)
    try:
        eventually(lambda: answers(served), 60, "the server answers")
        yield served
    finally:
        served.stop()


def limit_files(served: Served, size: int) -> None:
    """The largest file that the server may write from now on: beyond it the system refuses, as on a full disk."""
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_is_503_until_there_is_room_and_what_was_answered_is_not_forgotten(install: Install) -> None:
    site = install()
    key = site.bootstrap()
    with quiet(site) as served:
        first = chat(served, key)
        assert first.status_code == 200
        limit_files(served, 0)
        refused = [chat(served, key) for _ in range(5)]
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.json()["error"]["code"] for answer in refused} == {"server_is_overloaded"}
        ready = served.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["journal"]["detail"].startswith("File too large")
        limit_files(served, resource.RLIM_INFINITY)
        eventually(lambda: served.get("/readyz").status_code == 200, 30, "ready again")
        last = chat(served, key)
        assert last.status_code == 200
        wanted = {answer.headers["x-request-id"] for answer in (first, last)}
        eventually(lambda: wanted <= killing.rows(site).keys(), 15, "they are recorded")
        # The first that was refused had reached the model before anybody knew: what it used is recorded as well.
        refused_ids = {answer.headers["x-request-id"] for answer in refused}
        eventually(lambda: len(refused_ids & killing.rows(site).keys()) == 1, 15, "it is recorded, too")


def test_an_end_in_good_order_leaves_an_empty_journal(install: Install) -> None:
    site = install()
    key = site.bootstrap()
    with site.serve() as served:
        request_id = chat(served, key).headers["x-request-id"]
        assert served.stop() in {0, 130, -signal.SIGINT}
    assert request_id in killing.rows(site)
    assert [path.name for path in (site.data / "journal" / "usage").iterdir()] == ["reserve"]
