"""GET /ofrep/v1/events: a stream whose address an answer of all flags tells, and that tells when flags change."""

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import structlog
from django.core.signing import Signer
from django.test import RequestFactory

from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Organization, Project, RateLimit
from accounts.pages import pages
from features.models import Environment, FlagState, FlagsVersion, ProjectEnvironment
from features.ofrep import streams as module
from features.ofrep import tickets
from features.ofrep.offers import offer
from features.ofrep.streams import Stream, streams
from features.ofrep.tickets import HALF, SALT, Ticket, expiry
from features.ruleset import watch
from tests.conftest import MakeKey
from tests.features.conftest import MakeFlag
from tests.features.listening import listening, offered
from tests.features.ofrep import ADA, EVALUATE, checked
from tests.features.test_ofrep_flag import key_row, limit
from tests.processes import eventually

PATH = "/ofrep/v1/events"
PAGE = "https://www.example.com"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are looked at more often than in production."""
    monkeypatch.setattr(module, "EVERY", 0.05)


def switch(on: bool, **where: Any) -> None:
    """Changes every flag, or some."""
    FlagState.objects.filter(**where).update(enabled=on)


def ticket(**fields: Any) -> Ticket:
    """One for the key of the tests, but for what is given."""
    organization, _ = ensure_defaults()
    key = ApiKey.objects.get()
    good = Ticket(key.public_id, organization.public_id, "production", int(time.time()) + 600)
    return replace(good, **fields)


def address(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/") + PATH


def refused(answer: httpx.Response, status: int) -> str:
    """The details of a refusal, in OFREP's form."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (set(body), body["errorCode"]) == ({"errorCode", "errorDetails"}, "GENERAL")
    details: str = body["errorDetails"]
    return details


# --- The address -----------------------------------------------------------------------------------------------


def test_all_flags_come_with_the_address_of_a_stream(client: httpx.Client, api_key: str) -> None:
    answer = client.post(EVALUATE, json=ADA)
    (stream,) = checked(answer, bulk=True)["eventStreams"]
    assert stream == {"type": "sse", "url": stream["url"], "inactivityDelaySec": 120}
    assert stream["url"].startswith(f"{address(client)}?token=")
    assert "sk-" not in stream["url"]
    (token,) = parse_qs(urlsplit(stream["url"]).query)["token"]
    key = ApiKey.objects.get()
    read = Ticket.read(token, time.time())
    assert (read.key, read.organization, read.environment) == (
        key.public_id,
        key.organization.public_id,
        "production",
    )


def test_one_flag_comes_without(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    assert "eventStreams" not in client.post(f"{EVALUATE}/dark-mode", json=ADA).json()


def test_a_ticket_lasts_an_hour_at_most_and_half_an_hour_at_least() -> None:
    for second in (0, 1, HALF - 1, HALF, HALF + 1, 10 * HALF - 1):
        assert HALF < expiry(second) - second <= 2 * HALF
    assert len({expiry(second) for second in range(HALF)}) == 1


def test_a_new_address_changes_the_tag_of_the_answer(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.post(EVALUATE, json=ADA)
    again = client.post(EVALUATE, json=ADA, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    monkeypatch.setattr("features.ofrep.offers.expiry", lambda now: expiry(now) + HALF)
    later = client.post(EVALUATE, json=ADA, headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == 200
    assert later.json()["eventStreams"] != first.json()["eventStreams"]


def test_behind_what_speaks_tls_the_address_does_too(client: httpx.Client, settings: Any) -> None:
    settings.LUKHAS_PUBLIC_URL = "https://flags.example.com"
    settings.ALLOWED_HOSTS = ["flags.example.com", "other.example.com"]
    assert offered(client, Host="flags.example.com").startswith(f"https://flags.example.com{PATH}?")
    assert offered(client, Host="other.example.com").startswith(f"http://other.example.com{PATH}?")


def test_below_a_prefix_the_address_is_too(database: None, make_key: MakeKey) -> None:
    make_key()
    caller = ApiKey.objects.with_owners().get().principal()
    request = RequestFactory(SCRIPT_NAME="/flags").post(EVALUATE)
    (stream,) = json.loads(offer(request, caller, "production"))
    assert stream["url"].startswith(f"http://testserver/flags{PATH}?token=")


def test_who_has_no_key_is_offered_no_stream(anonymous: httpx.Client, settings: Any) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = True, "permissive"
    answer = anonymous.post(EVALUATE, json=ADA)
    assert answer.json() == {"flags": []}


def test_they_can_be_switched_off(client: httpx.Client, settings: Any) -> None:
    url = offered(client)
    settings.LUKHAS_EVENT_STREAMS = 0
    assert client.post(EVALUATE, json=ADA).json() == {"flags": []}
    assert refused(httpx.get(url), 404) == f"Unknown request URL: GET {PATH}."


# --- Being told ------------------------------------------------------------------------------------------------


def test_a_change_is_one_event_whose_tag_makes_the_next_answer_fresh(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    with listening(offered(client)) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-cache"
        assert set(stream.first) == {"retry", "id"}
        switch(False)
        event = stream.event()
        assert event["etag"] == str(FlagsVersion.current())
        told = {"flagConfigEtag": event["etag"], "flagConfigLastModified": str(event["lastModified"])}
        answer = client.post(EVALUATE, json=ADA, params=told)
        assert checked(answer, bulk=True)["flags"][0]["reason"] == "DISABLED"
        switch(True)
        assert int(stream.event()["etag"]) > int(event["etag"])


def test_a_version_that_this_process_has_not_seen_is_read_before_the_answer(
    client: httpx.Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag()
    client.post(EVALUATE, json=ADA)
    with monkeypatch.context() as patched:
        patched.setattr("features.ruleset.EVERY", 600.0)
        # As another process would: this one is not told.
        patched.setattr("features.changes.Changes.note", lambda _: None)
        switch(False)
        told = {"flagConfigEtag": str(FlagsVersion.current())}
        answer = client.post(EVALUATE, json=ADA, params=told)
        assert checked(answer, bulk=True)["flags"][0]["reason"] == "DISABLED"
    watch.changed()  # it looks every second again


def test_changes_elsewhere_are_not_told(client: httpx.Client, make_flag: MakeFlag, stranger: Organization) -> None:
    flag = make_flag()
    theirs = make_flag("theirs", environment=Environment.objects.production(stranger))
    staging = Environment.objects.create(organization=flag.organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging)
    with listening(offered(client)) as stream:
        switch(False, flag=theirs)
        switch(True, environment=staging)
        Project.objects.create(organization=flag.organization, name="Another")
        before = FlagsVersion.current()
        eventually(lambda: watch.rulesets and watch.rulesets.version == before, 20, "all that is read")
        switch(False, flag=flag, environment__key="production")
        assert int(stream.event()["etag"]) > before


def test_who_comes_back_is_told_at_once_of_what_was_missed(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    url = offered(client)
    with listening(url) as stream:
        known = stream.known
    switch(False)
    with listening(url, **{"Last-Event-ID": known}) as stream:
        assert stream.event()["etag"] == str(FlagsVersion.current())
        known = stream.known
    with listening(url, **{"Last-Event-ID": known}) as stream:
        assert stream.known == known
        switch(True)
        assert stream.event()["etag"] == str(FlagsVersion.current()), "nothing was missed, so this is the first"


def test_comments_keep_it_open(client: httpx.Client, make_flag: MakeFlag, settings: Any) -> None:
    make_flag()
    settings.LUKHAS_STREAM_PING_SECONDS = 0.01
    with listening(offered(client)) as stream:
        eventually(lambda: stream.response.num_bytes_downloaded > 200 or next(stream._blocks), 20, "comments come")
        blocks = [next(stream._blocks) for _ in range(3)]
        assert blocks == [{"": "ping"}] * 3


def test_pages_of_a_publishable_keys_origins_may_listen_and_no_others(client: httpx.Client, make_key: MakeKey) -> None:
    key = make_key("page", is_publishable=True, origins=[PAGE], scopes=["flags.read"])
    pages.forget()
    url = offered(client, Authorization=f"Bearer {key}", Origin=PAGE)
    with listening(url, Origin=PAGE) as stream:
        assert stream.response.headers["access-control-allow-origin"] == PAGE
    for headers in ({"Origin": "https://evil.example.com"}, {}):
        answer = httpx.get(url, headers=headers)
        assert "origin" in refused(answer, 403)
        assert "access-control-allow-origin" not in answer.headers


# --- Who may not -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "a:b", "\x00\udcff".encode("utf-8", "surrogatepass").hex(), "é:ü"])
def test_what_was_never_signed_opens_nothing(client: httpx.Client, token: str) -> None:
    answer = httpx.get(address(client), params={"token": token})
    assert "Ask for all flags again" in refused(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_what_was_signed_for_another_purpose_or_by_another_secret_opens_nothing(client: httpx.Client) -> None:
    fields = ticket().written().partition(":")[0]
    data = list(Signer(salt=SALT).unsign_object(ticket().written()))
    others = [
        Signer(salt="another").sign_object(data),
        Signer(key="another", salt=SALT).sign_object(data),
        f"{fields}:{'A' * 43}",
    ]
    for token in others:
        refused(client.get(PATH, params={"token": token}), 401)


def test_an_older_secret_still_opens(client: httpx.Client, settings: Any) -> None:
    token = Signer(key="older", salt=SALT).sign_object(list(Signer(salt=SALT).unsign_object(ticket().written())))
    settings.SECRET_KEY_FALLBACKS = ["older"]
    with listening(f"{address(client)}?token={token}"):
        pass


def test_a_ticket_falls_with_time_with_its_key_and_with_its_environment(
    client: httpx.Client, environment: Environment
) -> None:
    gone = (
        ticket(expires=int(time.time()) - 1),
        ticket(key="key_nobody"),
        ticket(environment="staging"),
    )
    for each in gone:
        refused(client.get(PATH, params={"token": each.written()}), 401)
    url = offered(client)
    key_row().revoke()
    refused(httpx.get(url), 401)


def test_a_key_that_lost_the_scope_opens_nothing(client: httpx.Client) -> None:
    url = offered(client)
    key_row().narrow(["model.read"])
    assert "flags.read" in refused(httpx.get(url), 403)


def test_a_key_does_not_take_the_place_of_a_ticket(client: httpx.Client) -> None:
    refused(client.get(PATH), 401)


def test_a_secret_key_in_the_address_is_refused_and_flagged(anonymous: httpx.Client, api_key: str) -> None:
    assert "Send it in an Authorization header" in refused(anonymous.get(PATH, params={"token": api_key}), 401)
    assert ApiKey.objects.get().exposed_at is not None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_it_is_asked_with_get(client: httpx.Client, method: str) -> None:
    answer = client.request(method, PATH)
    assert refused(answer, 405) == f"{PATH} is asked with GET."
    assert answer.headers["allow"] == "GET"


# --- The end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", ["revoked", "expired", "narrowed"])
def test_a_stream_ends_with_its_key(client: httpx.Client, ended: str) -> None:
    with listening(offered(client)) as stream:
        key = key_row()
        if ended == "revoked":
            key.revoke()
        elif ended == "expired":
            key.expire()
        else:
            key.narrow(["model.read"])
        assert stream.rest() == []
    eventually(lambda: len(streams) == 0, 20, "it is counted no more")


def test_it_ends_with_its_ticket_after_a_last_event(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    token = ticket(expires=int(time.time()) + 2).written()
    with listening(f"{address(client)}?token={token}") as stream:
        (event,) = stream.rest()
        assert event["etag"] == str(FlagsVersion.current())


def test_a_project_that_moves_to_another_environment_is_told_and_the_stream_ends(
    client: httpx.Client, make_flag: MakeFlag, project: Project
) -> None:
    flag = make_flag()
    staging = Environment.objects.create(organization=flag.organization, key="staging")
    url = offered(client)
    with listening(url) as stream:
        ProjectEnvironment.objects.create(project=project, environment=staging)
        assert len(stream.rest()) == 1
    refused(httpx.get(url), 401)
    with listening(offered(client)) as stream:
        FlagState.objects.create(flag=flag, environment=staging)
        stream.event()


def test_what_goes_wrong_on_the_way_is_logged_and_ends_it(
    client: httpx.Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag()
    with structlog.testing.capture_logs() as logs, listening(offered(client)) as stream:

        def fail(*_: Any) -> bytes:
            raise ZeroDivisionError

        monkeypatch.setattr(Stream, "_event", fail)
        switch(False)
        assert stream.rest() == []
        assert stream.comments == 1
        eventually(lambda: any(line["event"] == "crash" for line in logs), 20, "it is logged")


# --- How many --------------------------------------------------------------------------------------------------


def test_a_key_may_have_so_many_open_and_no_more(client: httpx.Client, make_key: MakeKey, settings: Any) -> None:
    settings.LUKHAS_EVENT_STREAMS_PER_KEY = 2
    url = offered(client)
    other = offered(client, Authorization=f"Bearer {make_key('other')}")
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(listening(url))
        answer = httpx.get(url)
        assert "as many event streams open as it may" in refused(answer, 429)
        assert int(answer.headers["retry-after"]) > 0
        stack.enter_context(listening(other))
    eventually(lambda: len(streams) == 0, 20, "they are gone")
    with listening(url):
        pass


def test_a_process_may_have_so_many_open_and_no_more(client: httpx.Client, make_key: MakeKey, settings: Any) -> None:
    settings.LUKHAS_EVENT_STREAMS = 1
    with listening(offered(client)):
        answer = httpx.get(offered(client, Authorization=f"Bearer {make_key('other')}"))
        assert "server has as many event streams open" in refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0


def test_opening_one_counts_as_a_request_and_being_open_as_none_in_flight(client: httpx.Client) -> None:
    url = offered(client)
    limit(key_row(), 1, unit="in_flight", period="")
    with listening(url):
        assert client.post(EVALUATE, json=ADA).status_code == 200
    RateLimit.objects.all().delete()
    limit(key_row(), 1)
    with listening(url) as stream:
        assert stream.response.headers["x-ratelimit-remaining-requests"] == "0"
        answer = httpx.get(url)
        refused(answer, 429)
        assert int(answer.headers["retry-after"]) > 0
    RateLimit.objects.all().delete()


def test_the_lifetime_is_not_longer_than_the_protocols_promise() -> None:
    assert 2 * tickets.HALF <= 3600
