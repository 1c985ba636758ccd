"""POST /ofrep/v1/evaluate/flags: all flags at once, and again only if an answer could have changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts.models import Organization, RateLimit
from features.loading import read
from features.models import Environment, Flag, FlagState
from features.ofrep.answers import Answers, is_current
from features.ruleset import watch
from tests.conftest import MakeKey
from tests.features.conftest import MakeFlag
from tests.features.ofrep import ADA, EVALUATE, checked
from tests.features.test_ofrep_flag import LARGE, SPLIT, key_row, limit


def ask(client: httpx.Client, body: Any = ADA, tag: str = "", **options: Any) -> httpx.Response:
    headers = {**options.pop("headers", {}), **({"If-None-Match": tag} if tag else {})}
    return client.post(EVALUATE, json=body, headers=headers, **options)


def test_every_flag_answers(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag("b", kind="number", variants={"half": 0.5, "all": 1}, default_variant="all")
    make_flag("a", rules=SPLIT)
    answer = ask(client)
    assert answer.status_code == 200
    flags = checked(answer, bulk=True)["flags"]
    assert [flag["key"] for flag in flags] == ["a", "b"]
    assert flags[1] == {"key": "b", "reason": "STATIC", "variant": "all", "value": 1.0}
    assert flags == [client.post(f"{EVALUATE}/{key}", json=ADA).json() for key in ("a", "b")]


def test_one_that_cannot_be_evaluated_keeps_no_other_from_answering(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag("a", rules=SPLIT)
    make_flag("b")
    flags = checked(ask(client, {"context": {}}), bulk=True)["flags"]
    assert [flag.get("errorCode") for flag in flags] == ["TARGETING_KEY_MISSING", None]


def test_without_flags_there_is_an_empty_list(client: httpx.Client) -> None:
    assert checked(ask(client), bulk=True)["flags"] == []


def test_a_caller_who_has_the_answers_is_told_so(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    tag = ask(client).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*", tag.strip('"')):
        answer = ask(client, tag=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    for unknown in ('"other"', "other", '""', f"x{tag}"):
        assert ask(client, tag=unknown).status_code == 200


def test_a_304_costs_no_evaluation(client: httpx.Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch) -> None:
    make_flag()
    tag = ask(client).headers["etag"]

    def refuse(*_: Any) -> bytes:
        raise AssertionError("evaluated")

    monkeypatch.setattr(Answers, "all", refuse)
    assert ask(client, tag=tag).status_code == 304
    assert ask(client).status_code == 500


def test_the_tag_changes_with_the_flags_the_context_and_the_environment(
    client: httpx.Client, make_flag: MakeFlag, organization: Organization
) -> None:
    flag = make_flag()
    tags = [ask(client).headers["etag"]]
    assert ask(client, {"context": {"b": 1, "targetingKey": "ada"}}).headers["etag"] != tags[0]
    FlagState.objects.update(enabled=False)
    tags.append(ask(client).headers["etag"])
    Flag.objects.update(metadata={"team": "web"})
    tags.append(ask(client).headers["etag"])
    assert len(set(tags)) == 3
    staging = Environment.objects.create(organization=organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging)
    rulesets = read()
    now = datetime.now(UTC)
    stages = [rulesets.of_environment(organization.public_id, key) for key in ("production", "staging")]
    assert len({Answers(stage).etag({}, now) for stage in stages}) == 2


def test_the_order_of_a_context_does_not_change_the_tag(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    contexts = ({"a": 1, "b": {"x": 1, "y": 2}}, {"b": {"y": 2, "x": 1}, "a": 1})
    assert len({ask(client, {"context": context}).headers["etag"] for context in contexts}) == 1


def test_another_organisations_changes_do_not_change_the_tag(
    client: httpx.Client, make_flag: MakeFlag, stranger: Organization
) -> None:
    make_flag()
    tag = ask(client).headers["etag"]
    make_flag("theirs", environment=Environment.objects.production(stranger))
    assert ask(client, tag=tag).status_code == 304


def test_a_window_that_opens_or_closes_changes_the_tag(make_flag: MakeFlag, organization: Organization) -> None:
    opens = datetime(2030, 1, 1, tzinfo=UTC)
    window = {"from": opens.isoformat(), "until": (opens + timedelta(hours=1)).isoformat()}
    make_flag(default_variant="off", rules=[{"variant": "on", **window}])
    answers = Answers(read().of_environment(organization.public_id, "production"))
    moments = [opens + timedelta(minutes=minutes) for minutes in (-2, -1, 0, 30, 60, 90)]
    tags = [answers.etag({}, moment) for moment in moments]
    values = [answers.all({}, moment) for moment in moments]
    assert [tags.index(tag) for tag in tags] == [0, 0, 2, 2, 4, 4]
    assert [b"true" in value for value in values] == [False, False, True, True, False, False]


def test_a_version_that_an_event_told_of_is_waited_for(
    client: httpx.Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = watch.at_least

    async def at_least(version: int) -> Any:
        asked.append(version)
        return await real(version)

    monkeypatch.setattr(watch, "at_least", at_least)
    for told in ("7", "", "abc", "-1", "²", "9" * 30):
        assert client.post(EVALUATE, json=ADA, params={"flagConfigEtag": told}).status_code == 200
    assert asked == [7, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("body", [{}, {"context": None}, {"context": [1]}])
def test_a_context_is_an_object(client: httpx.Client, body: Any) -> None:
    answer = ask(client, body)
    assert answer.status_code == 400
    told = checked(answer, bulk=True)
    assert told["errorCode"] == "INVALID_CONTEXT"
    assert "key" not in told


def test_refusals_are_those_of_a_single_flag(
    client: httpx.Client, anonymous: httpx.Client, make_key: MakeKey, make_flag: MakeFlag
) -> None:
    make_flag()
    wrong = {"Authorization": f"Bearer {make_key('wrong', scopes=['model.read'])}"}
    found = {
        401: ask(anonymous),
        403: ask(client, headers=wrong),
        413: ask(client, LARGE),
        415: client.post(EVALUATE, content=b"{}", headers={"Content-Type": "text/plain"}),
        400: client.post(EVALUATE, content=b"{", headers={"Content-Type": "application/json"}),
    }
    for status, answer in found.items():
        assert answer.status_code == status
        assert "key" not in checked(answer, bulk=True)


def test_a_304_counts_as_a_request(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    limit(key_row(), 2)
    tag = ask(client).headers["etag"]
    assert [ask(client, tag=tag).status_code for _ in range(2)] == [304, 429]
    RateLimit.objects.all().delete()


def test_tags_are_compared_weakly_and_in_lists() -> None:
    assert is_current('W/"a", "b"', '"b"')
    assert is_current(" * ", '"b"')
    assert not is_current("", '"b"')
    assert not is_current('"a"', '"b"')
