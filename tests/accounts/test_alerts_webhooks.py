"""The signed webhook: what is posted, how it is verified, and where nothing is posted to."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.alerts import webhooks
from accounts.alerts.signing import secret_of
from accounts.alerts.webhooks import NotTaken
from accounts.models import Organization, Project, SpendAlert, SpendNotice
from tests.accounts.alerting import alert_of, hook, later, nobody_else_watches, today
from tests.receivers import Hook

__all__ = ["hook", "nobody_else_watches"]
pytestmark = pytest.mark.usefixtures("nobody_else_watches")


def notice_of(alert: SpendAlert) -> SpendNotice:
    SpendNotice.objects.open(alert, "month", today().replace(day=1), 10_509_999)
    return SpendNotice.objects.select_related("alert").get()


@pytest.fixture
def notice(project: Project, hook: Hook) -> SpendNotice:
    return notice_of(alert_of(project, recipients=[], webhook_url=hook.url))


def verified_by(secret: str, headers: dict[str, str], body: bytes) -> list[bool]:
    """What a receiver who has this secret finds, for each signature; written from the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    versions = [each.split(",", 1) for each in headers["webhook-signature"].split(" ")]
    assert all(version == "v1" for version, _ in versions)
    return [signature == expected for _, signature in versions]


def test_an_event_is_posted_with_what_was_reached(notice: SpendNotice, hook: Hook, project: Project) -> None:
    webhooks.post(notice, hook.url)
    ((path, headers, body),) = hook.posts
    assert path == "/hook"
    assert headers["content-type"] == "application/json"
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    event = json.loads(body)
    assert event.pop("timestamp").endswith("Z")
    organization = project.organization
    assert event == {
        "type": "spend_alert.reached",
        "data": {
            "alert_id": notice.alert.public_id,
            "organization": {"id": organization.public_id, "name": organization.name},
            "project": {"id": project.public_id, "name": project.name},
            "threshold_amount": 1000,
            "spent_amount": 1050,
            "currency": "USD",
            "interval": "month",
            "interval_start": str(today().replace(day=1)),
        },
    }


def test_an_event_of_an_organisation_has_no_project(organization: Organization, hook: Hook) -> None:
    webhooks.post(notice_of(alert_of(organization, webhook_url=hook.url)), hook.url)
    data = json.loads(hook.posts[0][2])["data"]
    assert (data["organization"]["id"], data["project"]) == (organization.public_id, None)


# --- Signatures --------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_alerts_own_secret(notice: SpendNotice, hook: Hook, project: Project) -> None:
    webhooks.post(notice, hook.url)
    _, headers, body = hook.posts[0]
    secret = secret_of(notice.alert)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert verified_by(secret, headers, body) == [True]
    assert verified_by(secret, headers, body + b" ") == [False]
    assert verified_by(secret, {**headers, "webhook-timestamp": "1"}, body) == [False]
    assert verified_by(secret, {**headers, "webhook-id": "another"}, body) == [False]
    assert verified_by(secret_of(alert_of(project)), headers, body) == [False]


def test_a_secret_that_was_exchanged_signs_as_well_for_a_day(
    notice: SpendNotice, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = secret_of(notice.alert)
    notice.alert.exchange_secret()
    current = secret_of(notice.alert)
    assert former != current
    webhooks.post(notice, hook.url)
    _, headers, body = hook.posts[0]
    assert (verified_by(current, headers, body), verified_by(former, headers, body)) == ([True, False], [False, True])
    later(monkeypatch, days=1, seconds=1)
    webhooks.post(notice, hook.url)
    _, headers, body = hook.posts[1]
    assert (verified_by(current, headers, body), verified_by(former, headers, body)) == ([True], [False])


def test_after_a_change_of_the_secret_key_the_fallbacks_sign_as_well(
    notice: SpendNotice, hook: Hook, settings: Any
) -> None:
    former = secret_of(notice.alert)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" + "y" * 50
    assert secret_of(notice.alert) != former
    webhooks.post(notice, hook.url)
    _, headers, body = hook.posts[0]
    assert verified_by(former, headers, body) == [False, True]
    assert verified_by(secret_of(notice.alert), headers, body) == [True, False]


def test_no_secret_is_stored(notice: SpendNotice) -> None:
    secret = secret_of(notice.alert).removeprefix("whsec_")
    for row in (*SpendAlert.objects.values(), *SpendNotice.objects.values()):
        assert secret not in str(row)


# --- What does not take it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_status_of_success_is_taking_it(notice: SpendNotice, hook: Hook, status: int) -> None:
    hook.status = status
    webhooks.post(notice, hook.url)
    assert len(hook.posts) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
def test_any_other_is_not_and_no_redirect_is_followed(notice: SpendNotice, hook: Hook, status: int) -> None:
    hook.status, hook.headers = status, {"Location": hook.url + "/elsewhere", "Set-Cookie": "a=b"}
    with pytest.raises(NotTaken, match=f"^answered {status}$"):
        webhooks.post(notice, hook.url)
    assert [path for path, _, _ in hook.posts] == ["/hook"]


def test_one_that_says_nothing_is_given_up_after_a_time(notice: SpendNotice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.3)
    complaint = pytest.raises(NotTaken, match=r"^not reached: TimeoutError$")
    with socket.create_server(("127.0.0.1", 0)) as silent, complaint:
        webhooks.post(notice, f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_one_that_answers_for_ever_is_given_up_after_a_time(
    notice: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.3)
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not ended.wait(0.02):
                try:
                    connection.sendall(b"x-more: 1\r\n")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        with pytest.raises(NotTaken, match=r"^not reached: "):
            webhooks.post(notice, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        ended.set()
        thread.join(10)


def test_one_that_speaks_no_http_and_one_that_is_not_there_do_not_take_it(notice: SpendNotice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def babble() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"220 mail here\r\n\r\n")

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        with pytest.raises(NotTaken, match=r"^not reached: "):
            webhooks.post(notice, f"http://127.0.0.1:{port}/")
        thread.join(10)
    with pytest.raises(NotTaken, match=r"^not reached: ClientConnectorError$"):
        webhooks.post(notice, f"http://127.0.0.1:{port}/")
    with pytest.raises(NotTaken, match=r"^not reached: ClientConnectorDNSError$"):
        webhooks.post(notice, "http://nowhere.invalid/")


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://metadata.google.internal/", "file:///etc/hosts"],
)
def test_an_address_that_was_stored_past_every_check_is_still_not_called(notice: SpendNotice, url: str) -> None:
    with pytest.raises(NotTaken, match=r"never called|must begin with"):
        webhooks.post(notice, url)


@pytest.mark.parametrize("leads_to", ["169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_a_name_that_leads_to_such_an_address_is_not_called(
    notice: SpendNotice, hook: Hook, monkeypatch: pytest.MonkeyPatch, leads_to: str
) -> None:
    family = socket.AF_INET6 if ":" in leads_to else socket.AF_INET
    place: Any = (leads_to, 80, 0, 0) if family is socket.AF_INET6 else (leads_to, 80)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", place)])
    monkeypatch.setattr(socket, "getnameinfo", lambda *_, **__: (leads_to, "80"))
    with pytest.raises(NotTaken, match=r"^not reached: ClientConnectorDNSError$"):
        webhooks.post(notice, "http://innocent.example.com/")


def test_a_name_on_this_machine_is_called(notice: SpendNotice, hook: Hook) -> None:
    webhooks.post(notice, hook.url.replace("127.0.0.1", "localhost"))
    assert len(hook.posts) == 1


def test_nothing_is_read_from_the_environment_about_proxies(
    notice: SpendNotice, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    webhooks.post(notice, hook.url)
    assert len(hook.posts) == 1


def test_exchanging_is_not_changing_what_the_alert_is_set_for(notice: SpendNotice) -> None:
    before = SpendAlert.objects.get().changed_at
    notice.alert.exchange_secret()
    assert SpendAlert.objects.get().changed_at == before
    assert notice.alert.secret_versions(timezone.now() + timedelta(days=2)) == [2]
