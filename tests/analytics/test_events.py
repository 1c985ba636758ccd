"""POST /api/analytics/events: who may send, what is answered, and what is kept."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from backports import zstd
from django.db import OperationalError

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project, RateLimit
from analytics import intake
from analytics.judging import CONSENT, DO_NOT_TRACK, INVALID_ID, INVALID_TIMESTAMP, PRIVACY_CONTROL, TOO_OLD, UNKNOWN
from analytics.models import AnalyticsPolicy, Event, EventCount, EventName, EventOutcome, RejectedEvent, Width
from tests import openapi
from tests.analytics.eventful import EVENTS, ago, event, send
from tests.conftest import MakeKey
from tests.http.test_decoding import bomb
from tests.serving import Server

PAGE = "https://shop.example.com"
MIB = 1024 * 1024


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def page_key(make_key: MakeKey) -> str:
    """A publishable key for one page."""
    return make_key("page", is_publishable=True, origins=[PAGE], scopes=["events.write"])


def error(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    body = answer.json()["error"]
    return answer.status_code, body["code"], body["param"]


def statuses(answer: Any) -> list[str]:
    return [each["status"] for each in answer["results"]]


def test_a_batch_is_answered_with_202_once_it_is_kept_and_each_event_is_told_of(client: httpx.Client) -> None:
    answer = client.post(EVENTS, json={"events": [event(1), event(2, id=None), event(1), event(4, event="nope")]})
    assert answer.status_code == 202
    body = answer.json()
    openapi.check(body, {"$ref": "#/components/schemas/EventResults"})
    own = body["results"][1]["id"]
    assert {name: body[name] for name in ("status", "accepted", "duplicates", "rejected")} == {
        "status": "partial", "accepted": 2, "duplicates": 1, "rejected": 1,
    }  # fmt: skip
    assert [(each["id"], each["status"], each["code"]) for each in body["results"]] == [
        ("e1", "accepted", None), (own, "accepted", None), ("e1", "duplicate", None), ("e4", "rejected", UNKNOWN),
    ]  # fmt: skip
    assert set(Event.objects.values_list("event_id", flat=True)) == {"e1", own}
    assert EventCount.objects.get(width=Width.HOUR).count == 2
    assert RejectedEvent.objects.get().event_id == "e4"


def test_the_status_says_whether_none_some_or_all_were_rejected(client: httpx.Client) -> None:
    assert send(client, event(1))["status"] == "accepted"
    assert send(client, event(1))["status"] == "accepted", "what is there already is no fault"
    assert send(client, event(2), "bad")["status"] == "partial"
    assert send(client, "bad")["status"] == "rejected"


def test_one_bad_event_of_each_kind_sinks_no_good_one(client: httpx.Client) -> None:
    bad = ["text", event(2, id="a b"), event(3, timestamp="2026-11-29T12:00:00"), event(4, timestamp=ago(days=8))]
    answer = send(client, event(1), *bad, event(9))
    assert statuses(answer) == ["accepted", *["rejected"] * 4, "accepted"]
    assert [each["code"] for each in answer["results"][2:5]] == [INVALID_ID, INVALID_TIMESTAMP, TOO_OLD]


def test_of_who_it_was_and_from_where_nothing_raw_is_kept(client: httpx.Client) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    batch = {"events": [event(session_id="visit-7", user_id_hash="ann", properties={"to": "ann@example.com"})]}
    client.post(EVENTS, json=batch, headers={"User-Agent": firefox})
    row = Event.objects.values().get()
    assert "visit-7" not in str(row)
    assert "ann" not in str(row)
    assert (row["browser"], row["network"], row["properties"]) == (
        "Firefox",
        "127.0.0.0/24",
        {"to": "[EMAIL_REDACTED]"},
    )
    assert len(row["session"]) == len(row["person"]) == 32
    assert row["session"] != row["person"]


def test_the_same_session_is_the_same_in_a_project_and_another_one_in_another(
    client: httpx.Client, server: Server, make_key: MakeKey
) -> None:
    other = Project.objects.create(organization=ensure_defaults()[0], name="other")
    send(client, event(1, session_id="s"), event(2, session_id="s"))
    from accounts.models import ServiceAccount

    account = ServiceAccount.objects.create(project=other, name="robot", role="owner")
    key = make_key("other", project=other, service_account=account)
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"}) as elsewhere:
        assert statuses(send(elsewhere, event(1, session_id="s"))) == ["accepted"], "its ids are its own, too"
    sessions = dict(Event.objects.values_list("pk", "session"))
    assert len(set(sessions.values())) == 2


def test_the_senders_clock_is_corrected_by_when_it_sent(client: httpx.Client) -> None:
    wrong = datetime.now(UTC) - timedelta(days=400)
    answer = send(client, event(timestamp=(wrong - timedelta(minutes=10)).isoformat()), sent_at=wrong.isoformat())
    assert statuses(answer) == ["accepted"]
    gap = Event.objects.get().received_at - Event.objects.get().at
    assert timedelta(minutes=10) <= gap < timedelta(minutes=11)


class TestEnvelope:
    @pytest.mark.parametrize(
        ("body", "code", "param"),
        [
            ({}, "missing_required_parameter", "events"),
            ({"events": None}, "invalid_type", "events"),
            ({"events": {}}, "invalid_type", "events"),
            ({"events": []}, "invalid_value", "events"),
            ({"events": [{}] * 1001}, "invalid_value", "events"),
            ({"events": [{}], "sent_at": 7}, "invalid_type", "sent_at"),
            ({"events": [{}], "sent_at": "2026-11-29T12:00:00"}, "invalid_value", "sent_at"),
            ({"events": [{}], "sent_at": None}, "invalid_type", "sent_at"),
            ({"events": [{}], "consent": "yes"}, "invalid_type", "consent"),
            ({"events": [{}], "event": {}}, "unknown_parameter", "event"),
            ({"events": [{}], "api_key": "pk-lukhas-x"}, "unknown_parameter", "api_key"),
        ],
    )
    def test_a_wrong_one_is_refused_as_a_whole_by_its_member(
        self, client: httpx.Client, body: Any, code: str, param: str
    ) -> None:
        assert error(client.post(EVENTS, json=body)) == (400, code, param)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"', b'{"events": [NaN]}'])
    def test_what_is_no_json_object_is_refused(self, client: httpx.Client, body: bytes) -> None:
        answer = client.post(EVENTS, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400

    def test_a_thousand_events_are_taken(self, client: httpx.Client) -> None:
        answer = send(client, *(event(number) for number in range(1000)))
        assert (answer["accepted"], Event.objects.count(), EventCount.objects.get(width=Width.HOUR).count) == (
            1000,
            1000,
            1000,
        )

    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/html", ""])
    def test_any_other_kind_of_body_is_refused(self, client: httpx.Client, kind: str) -> None:
        assert client.post(EVENTS, content=b"{}", headers={"Content-Type": kind}).status_code == 415

    def test_other_methods_are_refused(self, client: httpx.Client) -> None:
        answer = client.get(EVENTS)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


class TestEncodings:
    @pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
    def test_a_compressed_batch_is_taken(
        self, client: httpx.Client, coding: str, encode: Callable[[bytes], bytes]
    ) -> None:
        body = encode(json.dumps({"events": [event()]}).encode())
        headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
        assert client.post(EVENTS, content=body, headers=headers).json()["accepted"] == 1

    def test_more_than_a_mebibyte_is_refused_plain_and_compressed(self, client: httpx.Client) -> None:
        body = json.dumps({"events": [event(properties={"a": "x" * MIB})]}).encode()
        headers = {"Content-Type": "application/json"}
        for coding, sent in (("identity", body), ("gzip", gzip.compress(body)), ("zstd", bomb("zstd", 64 * MIB))):
            answer = client.post(EVENTS, content=sent, headers={**headers, "Content-Encoding": coding})
            assert answer.status_code == 413, coding

    def test_an_encoding_that_is_not_known_is_refused(self, client: httpx.Client) -> None:
        answer = client.post(
            EVENTS, content=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "br"}
        )
        assert answer.status_code == 415
        assert "gzip, zstd" in answer.json()["error"]["message"]


class TestCallers:
    def post(self, server: Server, key: str, **headers: str) -> httpx.Response:
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.post(server.url + EVENTS, json={"events": [event()]}, headers={**shown, **headers})

    def test_a_secret_key_with_the_scope_may_send(self, server: Server, make_key: MakeKey) -> None:
        assert self.post(server, make_key(scopes=["events.write"])).status_code == 202

    def test_a_key_without_the_scope_may_not(self, server: Server, make_key: MakeKey) -> None:
        answer = self.post(server, make_key(scopes=["model.read", "usage.read"]))
        assert error(answer)[:2] == (403, "insufficient_permissions")

    def test_an_admin_key_sends_nothing_for_it_is_of_no_project(self, server: Server, make_key: MakeKey) -> None:
        assert self.post(server, make_key(is_admin=True, project=None)).status_code == 403

    def test_the_key_of_a_viewer_may_not(self, server: Server, make_key: MakeKey, project: Project) -> None:
        from accounts.models import ServiceAccount

        viewer = ServiceAccount.objects.create(project=project, name="viewer", role="viewer")
        assert self.post(server, make_key("viewer", service_account=viewer)).status_code == 403

    def test_without_a_key_or_with_a_wrong_one_nobody_may(self, server: Server) -> None:
        assert self.post(server, "").status_code == 401
        assert self.post(server, "sk-lukhas-" + "x" * 43).status_code == 401

    def test_a_key_of_another_organisation_sends_to_its_own_project(self, server: Server, make_key: MakeKey) -> None:
        from accounts.models import ApiKey, ServiceAccount

        organization = Organization.objects.create(slug="elsewhere", name="Elsewhere")
        home = Project.objects.create(organization=organization, name="home")
        account = ServiceAccount.objects.create(project=home, name="robot", role="member")
        key = ApiKey.issue(name="k", organization=organization, project=home, service_account=account)[1]
        assert self.post(server, key).status_code == 202
        assert Event.objects.get().project_id == home.public_id
        stranger = self.post(server, key, **{"OpenAI-Project": ensure_defaults()[1].public_id})
        assert error(stranger)[:2] == (401, "mismatched_project")

    def test_a_publishable_key_sends_from_its_pages_only(self, server: Server, page_key: str) -> None:
        good = self.post(server, page_key, Origin=PAGE)
        assert good.status_code == 202
        assert good.headers["access-control-allow-origin"] == PAGE
        assert error(self.post(server, page_key, Origin="https://evil.example"))[:2] == (403, "origin_not_allowed")
        assert self.post(server, page_key).status_code == 403

    def test_a_page_may_ask_first_also_for_a_compressed_body(self, server: Server, page_key: str) -> None:
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization,content-type,content-encoding"}  # fmt: skip
        answer = httpx.options(server.url + EVENTS, headers=asked)
        assert answer.status_code == 204
        assert "content-encoding" in answer.headers["access-control-allow-headers"]

    def test_the_limits_of_the_key_hold_and_those_of_the_rest_of_api_do_not(
        self, server: Server, make_key: MakeKey, settings: Any
    ) -> None:
        settings.LUKHAS_API_RATE = "1/m"
        key = make_key("limited")
        from accounts.models import ApiKey

        RateLimit.objects.create(api_key=ApiKey.objects.get(name="limited"), unit="requests", period="minute", value=2)
        answers = [self.post(server, key) for _ in range(3)]
        assert [each.status_code for each in answers] == [202, 202, 429]
        assert answers[0].headers["x-ratelimit-limit-requests"] == "2"


class TestBeacons:
    """What `navigator.sendBeacon` can send: text, and no header of the page's choice."""

    def beacon(self, server: Server, origin: str = PAGE, **members: Any) -> httpx.Response:
        body = json.dumps({"events": [event()], **members})
        headers = {"Content-Type": "text/plain;charset=UTF-8", "Origin": origin}
        return httpx.post(server.url + EVENTS, content=body, headers=headers)

    def test_a_publishable_key_in_the_body_will_do(self, server: Server, page_key: str) -> None:
        answer = self.beacon(server, api_key=page_key)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1)

    def test_it_still_is_for_its_pages_only(self, server: Server, page_key: str) -> None:
        assert error(self.beacon(server, "https://evil.example", api_key=page_key))[:2] == (403, "origin_not_allowed")

    def test_a_secret_key_in_the_body_is_refused_even_a_good_one(self, server: Server, api_key: str) -> None:
        answer = self.beacon(server, api_key=api_key)
        assert error(answer)[:2] == (401, "invalid_api_key")
        assert "publishable" in answer.json()["error"]["message"]
        assert not Event.objects.exists()

    @pytest.mark.parametrize("key", [None, 7, "", {"a": 1}])
    def test_without_a_key_it_is_nobodys(self, server: Server, key: Any) -> None:
        assert self.beacon(server, api_key=key).status_code == 401

    def test_text_with_a_key_in_the_header_is_as_good_as_json(self, client: httpx.Client) -> None:
        body = json.dumps({"events": [event()]})
        assert client.post(EVENTS, content=body, headers={"Content-Type": "text/plain"}).status_code == 202

    def test_text_that_is_no_json_is_refused_before_anybody_is_looked_up(self, server: Server) -> None:
        answer = httpx.post(server.url + EVENTS, content=b"hello", headers={"Content-Type": "text/plain"})
        assert answer.status_code == 400


class TestPrivacy:
    @pytest.mark.parametrize(("header", "code"), [("DNT", DO_NOT_TRACK), ("Sec-GPC", PRIVACY_CONTROL)])
    def test_who_does_not_want_to_be_tracked_is_told_so_and_nothing_is_kept(
        self, client: httpx.Client, header: str, code: str
    ) -> None:
        answer = client.post(EVENTS, json={"events": [event(), {"id": 7}, "x"]}, headers={header: "1"})
        assert answer.status_code == 202
        assert [(each["id"], each["code"]) for each in answer.json()["results"]] == [
            ("e1", code),
            (None, code),
            (None, code),
        ]
        kept = (Event, RejectedEvent, EventCount, EventOutcome)
        assert [model.objects.count() for model in kept] == [0, 0, 0, 0]

    def test_a_project_may_ask_for_consent(self, client: httpx.Client, project: Project) -> None:
        AnalyticsPolicy.objects.create(project=project, requires_consent=True)
        assert send(client, event(1))["results"][0]["code"] == CONSENT
        assert send(client, event(1), consent=False)["results"][0]["code"] == CONSENT
        assert statuses(send(client, event(1), consent=True)) == ["accepted"]

    def test_a_project_may_keep_counts_only(self, client: httpx.Client, project: Project) -> None:
        AnalyticsPolicy.objects.create(project=project, keeps_raw=False)
        answer = send(client, event(1, session_id="s"), event(1), event(2, event="nope"))
        assert statuses(answer) == ["accepted", "duplicate", "rejected"]
        assert EventCount.objects.get(width=Width.HOUR).count == 1
        assert Event.objects.values_list("name", "session", "network", "kept").get() == ("", "", "", False)
        assert not RejectedEvent.objects.exists()

    def test_a_project_may_admit_unknown_names(self, client: httpx.Client, project: Project) -> None:
        AnalyticsPolicy.objects.create(project=project, admits_unknown=True)
        assert statuses(send(client, event(event="anything"))) == ["accepted"]


class TestNames:
    def test_a_schema_and_a_limit_hold_at_once(self, client: httpx.Client, project: Project) -> None:
        name = EventName.objects.create(
            organization=project.organization, name="purchase", properties={"required": ["cents"]}, hourly_limit=1
        )
        bad = event(1, event="purchase")
        assert send(client, bad)["results"][0]["code"] == "invalid_properties"
        good = [event(number, event="purchase", properties={"cents": 1}) for number in (2, 3)]
        answer = send(client, *good)
        assert statuses(answer) == ["accepted", "rejected"]
        assert answer["results"][1]["code"] == "hourly_limit"
        name.delete()
        assert send(client, good[1])["results"][0]["code"] == UNKNOWN


class TestOutages:
    def test_while_the_database_is_away_events_are_taken_and_come_in_once_when_it_is_back(
        self, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send(client, event(1))

        def away(entries: object) -> None:
            raise OperationalError

        monkeypatch.setattr(intake, "keep", away)
        assert statuses(send(client, event(1), event(2))) == ["accepted", "accepted"]
        assert client.get("/readyz").json()["checks"]["events"]["ok"]
        monkeypatch.undo()
        intake.drainer.round()
        assert sorted(Event.objects.values_list("event_id", flat=True)) == ["e1", "e2"]
        assert EventCount.objects.get(width=Width.HOUR).count == 2

    def test_where_nothing_takes_them_the_answer_is_503(
        self, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(entries: object) -> None:
            raise OperationalError

        monkeypatch.setattr(intake, "keep", away)
        monkeypatch.setattr(intake.journal, "refusing", "no space left on device")
        answer = client.post(EVENTS, json={"events": [event()]})
        assert error(answer)[:2] == (503, "server_is_overloaded")
        assert not client.get("/readyz").json()["checks"]["events"]["ok"]

    def test_an_event_that_the_database_does_not_take_is_rejected(
        self, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from analytics.keeping import Outcome

        monkeypatch.setattr(intake, "keep", lambda entries: [Outcome.UNFIT] * len(entries))
        assert send(client, event())["results"][0] == {
            "id": "e1", "status": "rejected", "code": "invalid_event", "message": "The database does not take it.",
        }  # fmt: skip


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_every_example_of_the_document_is_answered_as_described(client: httpx.Client, kind: str) -> None:
    operation = openapi.document()["paths"][EVENTS]["post"]
    for example in openapi.examples(operation["requestBody"]["content"][kind]).values():
        answer = client.post(EVENTS, content=json.dumps(example), headers={"Content-Type": kind})
        assert answer.status_code == 202
        openapi.check(answer.json(), operation["responses"]["202"]["content"]["application/json"]["schema"])
