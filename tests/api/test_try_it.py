"""The button “Try it” on the pages of upstreams and models."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Membership, User
from analytics.models import UsageRecord
from api.models import Deployment, Model, Upstream
from tests.mock_upstream import MODEL, MockUpstream

SAYS = "It says “Hello there!”. 7 tokens in, 3 out."


@pytest.fixture
def staff(database: None) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.com"))
    return client


@pytest.fixture
def gpu(database: None, upstream: MockUpstream, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    monkeypatch.setenv("GPU_KEY", "sk-secret")
    return Upstream.objects.create(name="gpu", base_url=upstream.url, api_key_env="GPU_KEY")


@pytest.fixture
def big(gpu: Upstream) -> Model:
    return Model.objects.create(model_id="big", upstream=gpu, upstream_model=MODEL)


def button(row: Upstream | Model) -> str:
    return reverse(f"admin:api_{type(row).__name__.lower()}_try_it", args=[row.pk])


def told(answer: Any) -> list[tuple[str, str]]:
    return [(step.asked, step.told) for step in answer.context["steps"]]


def test_the_page_of_a_row_leads_there_and_nothing_is_asked_before_it_is_posted(
    staff: Client, big: Model, upstream: MockUpstream
) -> None:
    for row in (big, big.upstream):
        page = staff.get(reverse(f"admin:api_{type(row).__name__.lower()}_change", args=[row.pk])).content.decode()
        assert button(row) in page
        opened = staff.get(button(row))
        assert opened.status_code == 200
        assert upstream.url in opened.content.decode()
        assert "GPU_KEY" in opened.content.decode()
    assert upstream.requests == []


def test_a_model_is_tried_and_the_page_shows_what_came_and_in_which_time(
    staff: Client, big: Model, upstream: MockUpstream
) -> None:
    answer = staff.post(button(big))
    assert told(answer) == [("GET /models", "It offers 1 model."), ("POST /chat/completions", SAYS)]
    page = answer.content.decode()
    assert SAYS in page
    assert " ms</td>" in page
    assert "does not include" not in page
    assert [request.headers["Authorization"] for request in upstream.requests] == ["Bearer sk-secret"] * 2


def test_of_an_upstream_one_of_its_own_models_is_chosen_or_none(
    staff: Client, big: Model, upstream: MockUpstream
) -> None:
    choices = staff.get(button(big.upstream)).context["form"].fields["model"].choices
    assert [str(value) for value, _ in choices] == ["", str(big.pk)]
    assert [asked for asked, _ in told(staff.post(button(big.upstream), {"model": big.pk}))] == [
        "GET /models",
        "POST /chat/completions",
    ]
    assert [asked for asked, _ in told(staff.post(button(big.upstream), {"model": ""}))] == ["GET /models"]
    upstream.requests.clear()
    other = Model.objects.get(model_id="lukhas-echo-1")
    for bad in (other.pk, "x", 2**70):
        answer = staff.post(button(big.upstream), {"model": bad})
        assert answer.status_code == 200
        assert answer.context["form"].errors
        assert answer.context["steps"] is None
    assert upstream.requests == []


def test_a_name_that_the_upstream_does_not_list_is_pointed_out(staff: Client, big: Model) -> None:
    Model.objects.update(upstream_model="")
    assert "What it offers does not include <code>big</code>." in staff.post(button(big)).content.decode()


def test_a_model_is_tried_at_each_place_where_it_is_reached_under_its_name_there(
    staff: Client, big: Model, upstream: MockUpstream
) -> None:
    assert 'name="upstream"' not in staff.get(button(big)).content.decode()
    with MockUpstream() as other:
        spare = Upstream.objects.create(name="spare", base_url=other.url)
        Deployment.objects.create(model=big, upstream=spare, upstream_model="big-there")
        choices = staff.get(button(big)).context["form"].fields["upstream"].choices
        assert [str(value) for value, _ in choices] == ["", str(big.upstream.pk), str(spare.pk)]
        for at, chosen in ((upstream, ""), (upstream, big.upstream.pk), (other, spare.pk)):
            staff.post(button(big), {"upstream": chosen})
            assert at.last.body["model"] == ("big-there" if at is other else MODEL)
        assert (len(upstream.requests), len(other.requests)) == (4, 2)
        assert "Authorization" not in other.last.headers
        staff.post(button(spare), {"model": big.pk})
        assert (len(other.requests), other.last.body["model"]) == (4, "big-there")
        for bad in (Upstream.objects.get(name="echo").pk, "x"):
            assert staff.post(button(big), {"upstream": bad}).context["form"].errors
        assert (len(upstream.requests), len(other.requests)) == (4, 4)


def test_a_failure_is_told_without_the_key_and_escaped(staff: Client, big: Model, upstream: MockUpstream) -> None:
    upstream.reply(b'{"error": {"message": "<script>sk-secret</script>"}}', status=401)
    page = staff.post(button(big)).content.decode()
    assert "It refuses the key. It says: &lt;script&gt;***&lt;/script&gt;" in page
    assert "sk-secret" not in page


def test_a_model_of_this_process_is_tried_too(staff: Client) -> None:
    echo = Model.objects.get(model_id="lukhas-echo-1")
    assert "runs in this process" in staff.get(button(echo)).content.decode()
    assert told(staff.post(button(echo))) == [("POST /chat/completions", "It says “Say”. 3 tokens in, 1 out.")]
    assert "runs in this process" in staff.get(button(echo.upstream)).content.decode()
    assert "Nothing was asked" in staff.post(button(echo.upstream)).content.decode()


def test_it_goes_on_the_audit_log_without_what_was_said_and_changes_and_counts_nothing(
    staff: Client, big: Model, upstream: MockUpstream
) -> None:
    rows = [list(each.objects.values()) for each in (Upstream, Model)]
    begun = AuditEvent.objects.count()
    staff.post(button(big))
    upstream.mode = "500"
    staff.post(button(big.upstream), {"model": ""})
    first, second = AuditEvent.objects.order_by("pk")[begun:]
    assert (first.type, first.target_type, first.target_name, first.source) == (
        "model.tried",
        "api.model",
        "big",
        "admin",
    )
    assert first.actor_name == "boss@example.com"
    assert first.after == {"model": "big", "asked": ["GET /models", "POST /chat/completions"], "answered": True}
    assert (second.type, second.target_type, second.target_name) == ("upstream.tried", "api.upstream", "gpu")
    assert second.after == {"model": "", "asked": ["GET /models"], "answered": False}
    assert [list(each.objects.values()) for each in (Upstream, Model)] == rows
    assert not UsageRecord.objects.exists()


@pytest.mark.parametrize("role", ["owner", "admin", "viewer", ""])
def test_only_superusers_may(big: Model, upstream: MockUpstream, role: str) -> None:
    user = User.objects.create_user("ann", "ann@example.com", is_staff=True)
    if role:
        Membership.objects.create(user=user, organization=ensure_defaults()[0], role=role)
    client = Client()
    for expected in (302, 404):  # not signed in, and signed in
        for row in (big, big.upstream):
            assert client.get(button(row)).status_code == expected
            assert client.post(button(row)).status_code == expected
        client.force_login(user)
    assert upstream.requests == []


def test_a_page_of_another_site_cannot_have_it_tried(staff: Client, big: Model, upstream: MockUpstream) -> None:
    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = staff.cookies
    for row in (big, big.upstream):
        assert guarded.post(button(row)).status_code == 403
    assert upstream.requests == []


def test_what_is_not_there_cannot_be_tried(staff: Client, gpu: Upstream) -> None:
    for name in ("upstream", "model"):
        for key in ("0", "x", str(2**70)):
            assert staff.post(reverse(f"admin:api_{name}_try_it", args=[key])).status_code == 404
