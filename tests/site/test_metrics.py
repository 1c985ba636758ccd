"""GET /metrics, on a server in this process and over several."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from accounts.limits.keeper import Keeper
from accounts.models import Organization, Project, RateLimit
from analytics import usage
from api.breakers import breakers
from api.models import Model
from features.exposures import exposures
from features.models import Environment, Flag, FlagState
from features.models.exposures import Exposure
from features.ruleset import watch
from lukhas_site import __version__
from lukhas_site.http.metrics import Batch
from lukhas_site.metrics import gauges, sharing
from tests.analytics.recorded import full
from tests.conftest import MakeKey
from tests.processes import eventually

HELLO: list[Any] = [{"role": "user", "content": "one two three"}]
ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}
"""What a proxy on this machine says of a caller who is not on it."""


def read(client: httpx.Client, **headers: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, in the order of their names."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    return samples(answer.text)


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def growth(before: dict[tuple[str, ...], float], after: dict[tuple[str, ...], float], *sample: str) -> float:
    return after.get(sample, 0.0) - before.get(sample, 0.0)


def test_requests_tokens_and_times_are_counted(anonymous: httpx.Client, sdk: openai.OpenAI) -> None:
    before = read(anonymous)
    whole = sdk.chat.completions.create(model="lukhas-echo-1", messages=HELLO)
    list(sdk.chat.completions.create(model="lukhas-echo-1", messages=HELLO, stream=True))
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model="lukhas-echo-1", messages=HELLO, n=0)
    path, model, upstream = "/v1/chat/completions", "lukhas-echo-1", "echo"
    seen = ("lukhas_http_request_duration_seconds_count", "POST", path)
    eventually(lambda: growth(before, read(anonymous), *seen) == 3, 10, "each is counted once its answer was sent")
    after = read(anonymous)
    assert growth(before, after, "lukhas_http_requests_total", "POST", path, "200") == 2
    assert growth(before, after, "lukhas_http_requests_total", "POST", path, "400") == 1
    assert growth(before, after, "lukhas_inference_requests_total", model, "200", upstream) == 2
    assert growth(before, after, "lukhas_inference_duration_seconds_count", model, upstream) == 2
    assert growth(before, after, "lukhas_time_to_first_token_seconds_count", model, upstream) == 1
    assert whole.usage is not None
    assert growth(before, after, "lukhas_tokens_total", "input", model) == 2 * whole.usage.prompt_tokens
    assert growth(before, after, "lukhas_tokens_total", "output", model) == 2 * whole.usage.completion_tokens
    assert growth(before, after, "lukhas_tokens_total", "reasoning", model) == 0


def test_what_tokens_cost_is_counted_in_dollars(anonymous: httpx.Client, sdk: openai.OpenAI) -> None:
    dear = Model.objects.get(model_id="lukhas-echo-1")
    dear.output_price = 2
    dear.save()
    before = read(anonymous)
    answer = sdk.chat.completions.create(model="lukhas-echo-1", messages=HELLO)
    assert answer.usage is not None
    dollars = answer.usage.completion_tokens * 2 / 1_000_000
    assert growth(before, read(anonymous), "lukhas_cost_dollars_total", "lukhas-echo-1") == pytest.approx(dollars)


def test_what_a_limit_refuses_is_counted_by_whose_it_was(anonymous: httpx.Client, sdk: openai.OpenAI) -> None:
    RateLimit.objects.create(project=Project.objects.get(), unit="requests", period="minute", value=1)
    sdk.chat.completions.create(model="lukhas-echo-1", messages=HELLO)
    before = read(anonymous)
    with pytest.raises(openai.RateLimitError):
        sdk.chat.completions.create(model="lukhas-echo-1", messages=HELLO)
    assert growth(before, read(anonymous), "lukhas_limit_refusals_total", "project") == 1


def test_what_callers_make_up_is_no_label(anonymous: httpx.Client) -> None:
    before = read(anonymous)
    anonymous.get("/nowhere/4711")
    anonymous.request("PROPFIND", "/v1/models")
    nowhere, made_up = ("lukhas_http_requests_total", "GET", "other", "404"), ("lukhas_http_requests_total", "other")

    def counted() -> bool:
        """A request is counted once its answer was sent, which may be after the next one came in."""
        after = read(anonymous)
        others = sum(growth(before, after, *name) for name in after if name[:2] == made_up)
        return growth(before, after, *nowhere) == 1 and others == 1

    eventually(counted, 10, "both requests are counted")
    assert [name for name in read(anonymous) if "4711" in str(name) or "PROPFIND" in name] == []


def test_deployments_that_are_left_alone_are_told_until_they_are_not(anonymous: httpx.Client) -> None:
    sample = ("lukhas_deployments_left_alone", "big", "gpu")
    for upstream_model in ("a", "b"):
        for _ in range(5):
            breakers.failed(("big", "gpu", upstream_model))
    breakers.failed(("big", "spare", "a"))
    told = read(anonymous)
    assert told[sample] == 2
    assert (*sample[:2], "spare") not in told
    breakers.forget()
    assert read(anonymous)[sample] == 0


def test_how_things_stand_is_told(anonymous: httpx.Client, sdk: openai.OpenAI) -> None:
    sdk.chat.completions.create(model="lukhas-echo-1", messages=HELLO)
    anonymous.get("/readyz")
    with full(usage.journal):
        told = read(anonymous)
    assert told["lukhas_build_info", __version__] == 1
    assert told["lukhas_queue_waiting", "echo"] == 0
    assert told["lukhas_journal_refusing", "usage"] == 1
    assert told["lukhas_journal_refusing", "events"] == 0
    assert told["lukhas_journal_backlog_bytes", "usage"] >= 0
    assert told["lukhas_journal_oldest_seconds", "events"] == 0
    assert watch.rulesets is not None
    assert told["lukhas_flags_version",] == watch.rulesets.version
    assert told["lukhas_flags_age_seconds",] >= 0


def test_flags_are_counted_once_they_are_told(anonymous: httpx.Client, client: httpx.Client) -> None:
    organization = Organization.objects.get()
    environment, _ = Environment.objects.get_or_create(organization=organization, key="production")
    flag = Flag.objects.create(
        key="dark", kind="boolean", variants={"on": True, "off": False}, organization=organization
    )
    FlagState.objects.create(
        flag=flag, environment=environment, enabled=True, off_variant="off",
        default_variant="on",
    )  # fmt: skip
    before = read(anonymous)
    for _ in range(2):
        asked = client.post("/ofrep/v1/evaluate/flags/dark", json={"context": {"targetingKey": "ada"}})
        assert asked.status_code == 200, asked.text
    exposures.flush()
    after = read(anonymous)
    assert growth(before, after, "lukhas_flag_evaluations_total", "production", "dark", "STATIC", "on") == 2


def test_flags_beyond_what_can_be_told_apart_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    gauges._of.cache_clear()
    monkeypatch.setattr(gauges, "MOST_KINDS", len(gauges._kinds) + 1)
    hour = datetime(2026, 11, 29, tzinfo=UTC)
    before = samples(generate_latest(REGISTRY).decode())
    for flag in ("one more", "and another", "and a third"):
        gauges.count({Exposure("org-1", "production", flag, "on", "STATIC", hour): 5})
    after = samples(generate_latest(REGISTRY).decode())
    assert growth(before, after, "lukhas_flag_evaluations_total", "production", "one more", "STATIC", "on") == 5
    assert growth(before, after, "lukhas_flag_evaluations_total", *["other"] * 4) == 10
    gauges._of.cache_clear()
    gauges.count({Exposure("org-1", "production", "one more", "on", "STATIC", hour): 5})
    again = samples(generate_latest(REGISTRY).decode())
    assert growth(before, again, "lukhas_flag_evaluations_total", "production", "one more", "STATIC", "on") == 10
    gauges._of.cache_clear()


def test_what_waits_to_be_counted_is_bounded() -> None:
    counted: list[int] = []
    batch = Batch(counted.append)
    for number in range(batch.AT_ONCE - 1):
        batch.add(number)
    assert counted == []
    batch.add(batch.AT_ONCE)
    assert len(counted) == batch.AT_ONCE


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text; version=1.0.0"])
def test_both_formats_are_spoken(anonymous: httpx.Client, accept: str) -> None:
    answer = anonymous.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(accept.partition(";")[0].replace("*/*", "text/plain"))
    assert answer.headers["cache-control"] == "no-store"
    assert ("# EOF" in answer.text) == (accept != "*/*")


def test_on_the_machine_itself_nobody_needs_a_key(anonymous: httpx.Client) -> None:
    assert anonymous.get("/metrics").status_code == 200
    assert anonymous.get("/metrics", headers={"Authorization": "Bearer of bad news"}).status_code == 200


def test_from_elsewhere_an_admin_key_with_the_scope_is_needed(anonymous: httpx.Client, make_key: MakeKey) -> None:
    def ask(key: str = "") -> tuple[int, str | None]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = anonymous.get("/metrics", headers={**ELSEWHERE, **headers})
        return answer.status_code, answer.json()["error"]["code"] if answer.status_code != 200 else None

    assert ask() == (401, None)
    assert ask("sk-lukhas-unknown") == (401, "invalid_api_key")
    assert ask(make_key(scopes=["usage.read"])) == (403, "insufficient_permissions")
    staff = {"name": "staff", "is_admin": True, "project": None}
    assert ask(make_key(**staff, scopes=["admin.*"])) == (403, "insufficient_permissions")
    assert ask(make_key(**staff, scopes=["metrics.read"])) == (200, None)


def test_other_methods_are_refused(anonymous: httpx.Client) -> None:
    assert anonymous.post("/metrics").status_code == 405


COUNTING = """
import os, sys
from lukhas_site.http import metrics
from prometheus_client import Gauge
for _ in range(int(sys.argv[1])):
    metrics.observe("GET", "/shared", 200, 0.01)
metrics.batch.flush()
Gauge("lukhas_test_alive", "…", multiprocess_mode="livesum").set(1)
print(flush=True)
sys.stdin.read()
"""


def test_the_processes_of_one_server_are_told_together(tmp_path: Path) -> None:
    """Counts of processes that ended stay; how things stood in them does not."""
    with sharing.shared():
        place = sharing.directory()
        assert place is not None
        working = [
            subprocess.Popen([sys.executable, "-c", COUNTING, number], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for number in ("2", "3")
        ]
        for each in working:
            assert each.stdout is not None
            each.stdout.readline()
        alive = samples(generate_latest(sharing.registry()).decode())
        working[0].communicate()
        after = samples(generate_latest(sharing.registry()).decode())
        working[1].communicate()
    assert alive["lukhas_http_requests_total", "GET", "/shared", "200"] == 5
    assert alive["lukhas_test_alive",] == 2
    assert after["lukhas_http_requests_total", "GET", "/shared", "200"] == 5
    assert after["lukhas_test_alive",] == 1
    assert not place.exists()


def test_a_process_of_somebody_elses_is_none_of_the_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setenv(sharing.VARIABLE, str(tmp_path))
    left = tmp_path / "gauge_livesum_4711.db"
    left.write_bytes(b"")
    monkeypatch.setattr(os, "kill", kill)
    sharing.registry()
    assert not left.exists()


def test_where_metrics_are_shared_already_they_are_afterwards_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sharing.VARIABLE, str(tmp_path))
    with sharing.shared():
        assert sharing.directory() != tmp_path
    assert sharing.directory() == tmp_path


def test_where_several_processes_serve_each_leaves_how_things_stand_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(gauges.look, "metrics")
    monkeypatch.setattr(gauges, "keeper", keeper)
    gauges.start()
    assert not keeper.started
    monkeypatch.setenv(sharing.VARIABLE, str(tmp_path))
    gauges.start()
    assert keeper.started
    keeper.stop()
