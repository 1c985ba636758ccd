"""Two servers on one SQLite database: what one process changes, the others know within seconds."""

from tests.processes import Served, eventually
from tests.site.conftest import Install

REVOKED_WITHIN = 5
ALIAS_SEEN_WITHIN = 3
"""Seconds, as the documentation promises."""


def status(served: Served, key: str) -> int:
    return served.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code


def ids(served: Served, key: str) -> set[str]:
    answer = served.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
    return {model["id"] for model in answer.json()["data"]}


def test_what_a_command_changes_is_known_to_every_server_within_seconds(install: Install) -> None:
    site = install()
    key, leaves = site.bootstrap(), site.manage("create_api_key", "leaves").stdout.strip()
    with site.serve() as one, site.serve() as other:
        servers = (one, other)
        assert [status(served, leaves) for served in servers] == [200, 200]
        site.manage("revoke_api_key", leaves)
        for served in servers:
            eventually(lambda served=served: status(served, leaves) == 401, REVOKED_WITHIN, "the key has ended")
        site.manage("alias_model", "gpt-4o", "lukhas-echo-1")
        for served in servers:
            eventually(lambda served=served: "gpt-4o" in ids(served, key), ALIAS_SEEN_WITHIN, "the alias is listed")
        assert [status(served, key) for served in servers] == [200, 200], "another key went with it"
