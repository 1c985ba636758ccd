"""Usage while PostgreSQL is away: the journal grows, and is drained when it is back."""

import signal

import httpx

from tests.processes import Served, eventually
from tests.site.cluster_postgres import Database
from tests.site.conftest import Install
from tests.site.gate import Gate

ECHO = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "hello"}]}


def chat(served: Served, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{served.url}/v1/chat/completions", json=ECHO, headers=headers, timeout=60)


def recorded(postgresql: Database) -> list[str]:
    return [row[0] for row in postgresql.execute("SELECT request_id FROM analytics_usagerecord")]


def test_while_the_database_is_away_nothing_is_lost_and_nothing_is_stored_twice(
    install: Install, postgresql: Database
) -> None:
    with Gate(postgresql.server.port) as gate:
        site = install(DATABASE_URL=postgresql.url(gate.port))
        key = site.bootstrap()
        with site.serve() as served:
            before = chat(served, key).headers["x-request-id"]
            eventually(lambda: before in recorded(postgresql), 15, "it is recorded")
            chat(served, key)  # so that the caller is remembered
            gate.shut()
            answers = [chat(served, key) for _ in range(30)]
            known = {answer.headers["x-request-id"] for answer in answers if answer.status_code == 200}
            assert len(known) > 1, "a caller who is remembered needs no database"
            detail = eventually(
                lambda: "bytes wait" in (told := served.readiness()["checks"]["journal"]["detail"]) and told, 15, "seen"
            )
            assert "the oldest for" in detail
            assert not known & set(recorded(postgresql))
            served.process.send_signal(signal.SIGKILL)
            served.process.wait(30)
        with site.serve() as served:
            gate.open()
            eventually(lambda: known <= set(recorded(postgresql)), 30, "all of it is stored")
            eventually(lambda: served.readiness()["checks"]["journal"]["detail"] == "empty", 15, "drained")
        found = recorded(postgresql)
        assert len(found) == len(set(found))


def test_two_servers_with_journals_of_their_own_write_to_one_database(install: Install, postgresql: Database) -> None:
    one = install(DATABASE_URL=postgresql.url())
    key = one.bootstrap()
    with one.serve() as first, one.serve(LUKHAS_JOURNAL_DIR=str(one.data / "elsewhere")) as second:
        ids = {chat(served, key).headers["x-request-id"] for served in (first, second) for _ in range(10)}
        eventually(lambda: ids <= set(recorded(postgresql)), 15, "both are recorded")
    assert sorted(recorded(postgresql)) == sorted(ids)
