"""Five failed logins lock for a quarter of an hour, by user name and address together, in the API and in the admin."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from axes.models import AccessAttempt
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import AuditEvent, Organization, Session, User
from accounts.sessions import lockout
from tests.accounts.sessions.conftest import PASSWORD, Http, error_of

GOOD = {"username": "ann", "password": PASSWORD}
WRONG = {"username": "ann", "password": "wrong"}


def post(client: httpx.Client, body: dict[str, str] = WRONG, **headers: str) -> httpx.Response:
    return client.post("/api/sessions", json=body, headers=headers)


def lock(client: httpx.Client, username: str = "ann", **headers: str) -> None:
    statuses = [post(client, {**WRONG, "username": username}, **headers).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 401, 429]


def test_the_fifth_failure_locks_and_the_right_password_helps_no_more(ann: User, http: Http) -> None:
    client = http()
    lock(client)
    answer = post(client, GOOD)
    error = error_of(answer, 429)
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "login_locked", None)
    assert 890 <= int(answer.headers["retry-after"]) <= 900
    assert f"in {answer.headers['retry-after']} seconds" in error["message"]
    assert not Session.objects.exists()


def test_two_hundred_wrong_logins_open_nothing_and_do_not_prolong_the_lock(ann: User, http: Http) -> None:
    client = http()
    statuses = [post(client).status_code for _ in range(200)]
    assert statuses == [401] * 4 + [429] * 196
    attempt = AccessAttempt.objects.get()
    assert attempt.failures_since_start == 5
    assert not Session.objects.exists()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert post(client, GOOD).status_code == 201


def test_a_name_that_nobody_has_is_locked_just_so(ann: User, http: Http) -> None:
    client = http()
    lock(client, "nobody")
    assert error_of(post(client, {**WRONG, "username": "nobody"}), 429)["code"] == "login_locked"
    assert post(client, GOOD).status_code == 201


def test_another_user_at_the_address_and_the_user_at_another_address_sign_in(
    ann: User, bob: User, http: Http, settings: Any
) -> None:
    """So nobody can lock somebody else out, nor all who share an address."""
    settings.LUKHAS_TRUSTED_PROXIES = ["127.0.0.1"]
    client = http()
    here, there = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
    lock(client, **here)
    assert post(client, GOOD, **here).status_code == 429
    assert post(client, {**GOOD, "username": "bob"}, **here).status_code == 201
    assert post(client, GOOD, **there).status_code == 201


def test_an_address_that_the_caller_makes_up_counts_for_nothing(ann: User, http: Http) -> None:
    client = http()
    statuses = [post(client, **{"X-Forwarded-For": f"203.0.113.{at}"}).status_code for at in range(6)]
    assert statuses == [401, 401, 401, 401, 429, 429]


def test_the_hosts_of_an_ipv6_network_count_together(ann: User, http: Http, settings: Any) -> None:
    settings.LUKHAS_TRUSTED_PROXIES = ["127.0.0.1"]
    client = http()
    for at in range(5):
        post(client, **{"X-Forwarded-For": f"2001:db8:1:2::{at + 1}"})
    assert post(client, GOOD, **{"X-Forwarded-For": "2001:db8:1:2:ffff::9"}).status_code == 429
    assert post(client, GOOD, **{"X-Forwarded-For": "2001:db8:1:3::1"}).status_code == 201


def test_another_program_at_the_address_counts_together(ann: User, http: Http) -> None:
    client = http()
    statuses = [post(client, **{"User-Agent": f"program {at}"}).status_code for at in range(6)]
    assert statuses == [401, 401, 401, 401, 429, 429]
    first = AccessAttempt.objects.order_by("attempt_time")[0]
    first.attempt_time = timezone.now() - timedelta(minutes=10)
    first.save()
    assert 290 <= int(post(client).headers["retry-after"]) <= 300  # then the first of the five is too old to count


def test_a_right_password_forgets_the_failures(ann: User, http: Http) -> None:
    client = http()
    for _ in range(2):
        assert [post(client).status_code for _ in range(4)] == [401] * 4
        assert post(client, GOOD).status_code == 201


def test_where_no_failure_is_left_the_wait_is_a_second(ann: User) -> None:
    assert lockout.seconds_left(RequestFactory().get("/"), "ann") == 1


def test_a_socket_without_an_address_is_counted_as_one(ann: User) -> None:
    assert lockout.address(RequestFactory().get("/", REMOTE_ADDR="")) is None


def test_the_failure_that_locks_is_on_the_audit_log_once_and_only_for_users_that_exist(
    ann: User, http: Http, organization: Organization
) -> None:
    client = http()
    lock(client)
    lock(client, "nobody")
    post(client)
    event = AuditEvent.objects.get(type="login.failed")
    assert (event.organization, event.target_id, event.after) == (
        organization.public_id,
        ann.public_id,
        {"failures": 5},
    )
    assert (event.source, event.actor_kind, event.address) == ("api", "anonymous", "127.0.0.1")


def test_neither_passwords_nor_tokens_are_kept_with_the_failures(ann: User, http: Http) -> None:
    post(http(), {"username": "ann", "password": "a secret that was mistyped"})
    staff = Client()
    staff.post("/admin/login/", {"username": "ann", "password": "a secret", "csrfmiddlewaretoken": "t0ken"})
    kept = str(list(AccessAttempt.objects.values()))
    assert "secret" not in kept
    assert "t0ken" not in kept


# --- In the admin ----------------------------------------------------------------------------------------------


def login(client: Client, password: str, **data: str) -> Any:
    return client.post("/admin/login/", {"username": "root", "password": password, **data})


@pytest.fixture
def root(database: None) -> User:
    return User.objects.create_superuser("root", "root@example.com", PASSWORD)


def test_the_admin_locks_just_so_and_says_for_how_long(root: User) -> None:
    client = Client()
    assert [login(client, "wrong").status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    answer = login(client, PASSWORD)
    assert answer.status_code == 429
    assert 890 <= int(answer.headers["retry-after"]) <= 900
    assert "15 minutes" in answer.content.decode()
    assert client.get("/admin/").status_code == 302
    event = AuditEvent.objects.get(type="login.failed")
    assert (event.source, event.actor_kind, event.target_id) == ("admin", "anonymous", root.public_id)
    AccessAttempt.objects.all().delete()
    assert login(client, PASSWORD).status_code == 302


def test_the_server_itself_locks_the_admin(root: User, http: Http) -> None:
    client = http()
    page = client.get("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token is not None
    data = {"username": "root", "password": "wrong", "csrfmiddlewaretoken": token[1]}
    statuses = [client.post("/admin/login/", data=data).status_code for _ in range(6)]
    assert statuses == [200, 200, 200, 200, 429, 429]


def test_failures_in_the_admin_and_in_the_api_count_together(root: User, http: Http) -> None:
    staff = Client()
    for _ in range(3):
        login(staff, "wrong")
    client = http()
    statuses = [post(client, {"username": "root", "password": "wrong"}).status_code for _ in range(2)]
    assert statuses == [401, 429]
    assert login(staff, PASSWORD).status_code == 429


def test_signing_in_to_the_admin_begins_a_session_that_nobody_knew_before(root: User) -> None:
    """Session fixation: the cookie that a browser brings is worth nothing afterwards."""
    client = Client()
    client.get("/admin/login/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    planted = session.session_key
    client.cookies["sessionid"] = planted or ""
    assert login(client, PASSWORD).status_code == 302
    assert client.cookies["sessionid"].value != planted
    assert client.get("/admin/").status_code == 200
    attacker = Client()
    attacker.cookies["sessionid"] = planted or ""
    assert attacker.get("/admin/").status_code == 302


def test_the_system_checks_of_axes_find_nothing_wrong() -> None:
    from axes import checks

    every = (
        checks.axes_cache_check,
        checks.axes_middleware_check,
        checks.axes_backend_check,
        checks.axes_deprecation_check,
        checks.axes_lockout_params_check,
        checks.axes_conf_check,
    )
    assert [message for check in every for message in check(app_configs=None)] == []
