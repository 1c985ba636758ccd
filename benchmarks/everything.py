"""Makes what a busy server has, so that a benchmark measures it with everything on: `python -m benchmarks.everything
URL`.

Two models of the mock at that URL behind an alias whose flag shares callers out, one that streams slowly, and one for
embeddings; limits of an organisation and a project, and two budgets, none of which is ever reached; and two policies of
the guardian, which are asked about every request and refuse none.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from django.apps import apps

from benchmarks import servers
from benchmarks.mock import MODEL

CHAT = "assistant"
"""The alias that callers ask for."""
STREAM = "mock-stream"
EMBEDDING = "mock-embedding"
FEATURE = "new-ui"
PLENTY = str(10**9)


@contextmanager
def lukhas(core: int | None, mock: str, *modes: str, sampled: str = "", **more: str) -> Iterator[servers.Running]:
    """LUKHAS as `make serve` runs it, with all of this; `modes` as for `main`, `sampled` and `more`, of the
    environment, as for `servers.lukhas`."""

    def prepare(env: Mapping[str, str]) -> None:
        make(env, mock, *modes)

    with servers.lukhas(
        core, model=CHAT, prepare=prepare, sampled=sampled, LUKHAS_UPSTREAM_CONNECTIONS="1024", **more
    ) as running:
        yield running


def make(env: Mapping[str, str], mock: str, *modes: str) -> None:
    """Makes it, in a process of its own."""
    command = servers.python("-m", "benchmarks.everything", mock, *modes)
    subprocess.run(command, cwd=servers.ROOT, env={**os.environ, **servers.QUIET, **env}, check=True)


def main(mock: str, chat: str = "", stream: str = "gap=20,chunks=100", embedding: str = "") -> None:
    """`chat`, `stream` and `embedding` say how the mock behaves for each, see `benchmarks.mock.Mode`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lukhas_site.settings")
    import django  # noqa: PLC0415 - the environment had to be set first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - Django had to be set up

    call = partial(call_command, verbosity=0)

    upstreams = {"mock-chat": chat, STREAM: stream, EMBEDDING: embedding}
    for name, mode in upstreams.items():
        call("add_upstream", name, f"{mock}/{mode}/v1" if mode else f"{mock}/v1")
    for name, upstream in (("mock-a", "mock-chat"), ("mock-b", "mock-chat"), (STREAM, STREAM)):
        call("add_model", name, "--upstream", upstream, "--upstream-model", MODEL, "--no-embeddings")
    call("add_model", EMBEDDING, "--upstream", EMBEDDING, "--upstream-model", MODEL, "--vector-space", "mock")
    variants = ("--variant", "current=mock-a", "--variant", "next=mock-b", "--default", "current")
    call("flag", "create", "chat-model", "--kind", "string", *variants, "--on")
    call("flag", "rollout", "chat-model", "next", "50")
    call("alias_model", CHAT, "mock-a", "--rollout", "chat-model")
    call("flag", "create", FEATURE, "--on")
    call("flag", "rollout", FEATURE, "on", "25")
    for scope in ((), ("--organization", "default")):
        for kind in ("requests/minute", "tokens/minute", "tokens/day", "in-flight"):
            call("set_limit", kind, PLENTY, *scope)
    for period in ("day", "month"):
        call("set_budget", period, "1000000")
    organization = apps.get_model("accounts", "Organization").objects.get()
    for code, looks_for in (
        ("card_number", {"kind": "pattern", "pattern": r"\b(?:\d[ -]?){15}\d\b"}),
        ("too_long", {"kind": "max_tokens", "max_tokens": 100_000}),
    ):
        apps.get_model("api", "Policy").objects.create(
            name=code, organization=organization, mode="enforce", reason_code=code, **looks_for
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
