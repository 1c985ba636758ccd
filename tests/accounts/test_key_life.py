"""The life of a key: its end is brought forward, its scopes get fewer, and another takes its place."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.audit.restoring import CannotRestore, restore
from accounts.authentication import look_up
from accounts.limits import ruleset
from accounts.limits.buckets import LocalStore
from accounts.limits.rules import Grant, Refusal
from accounts.models import ApiKey, AuditEvent, Budget, Membership, Project, RateLimit, Role, User
from accounts.principal import Principal
from accounts.rotation import LONGEST_OVERLAP, OVERLAP, rotate
from tests.accounts.conftest import Issue

HOUR = timedelta(hours=1)


def caller(token: str) -> Principal:
    found = look_up(token)
    assert found is not None
    return found.principal


def ended(issue: Issue, how: str) -> ApiKey:
    """A key that has been revoked or has expired."""
    key = issue()[0]
    if how == "revoked":
        key.revoke()
    else:
        ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - HOUR)
    key.refresh_from_db()
    return key


# --- Expiring --------------------------------------------------------------------------------------------------


def test_a_key_is_expired_at_once(issue: Issue) -> None:
    key, token = issue()
    key.expire()
    assert look_up(token) is None
    assert key.state(timezone.now()) == "expired"
    assert key.revoked_at is None


def test_an_end_is_brought_forward_and_that_is_on_the_audit_log(issue: Issue) -> None:
    later = timezone.now() + 2 * HOUR
    key, token = issue(expires_at=later)
    key.expire(later - HOUR)
    assert ApiKey.objects.get(pk=key.pk).expires_at == later - HOUR
    assert caller(token).key_id == key.public_id
    event = AuditEvent.objects.filter(type="api_key.updated").latest("pk")
    assert event.changed() == ["expires_at"]
    assert (event.before["expires_at"], event.after["expires_at"]) == (
        later.isoformat(),
        (later - HOUR).isoformat(),
    )


def test_a_moment_that_is_over_is_now(issue: Issue) -> None:
    key, _ = issue()
    before = timezone.now()
    key.expire(before - HOUR)
    assert key.expires_at is not None
    assert before <= key.expires_at <= timezone.now()


def test_a_life_is_never_made_longer_by_expiring(issue: Issue) -> None:
    until = timezone.now() + HOUR
    key, _ = issue(expires_at=until)
    with pytest.raises(ValidationError, match="its life is never made longer") as refusal:
        key.expire(until + HOUR)
    assert refusal.value.code == "longer"
    assert ApiKey.objects.get(pk=key.pk).expires_at == until


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_what_has_ended_is_neither_expired_nor_narrowed_nor_rotated(issue: Issue, how: str) -> None:
    key = ended(issue, how)
    before = AuditEvent.objects.count()
    for change in (key.expire, lambda: key.narrow(["model.read"]), lambda: rotate(key)):
        with pytest.raises(ValidationError, match=f"has been {how} since") as refusal:
            change()
        assert refusal.value.code == how
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("until", [None, HOUR])
def test_neither_staff_nor_the_audit_log_brings_an_expired_key_back(issue: Issue, until: timedelta | None) -> None:
    key = ended(issue, "expired")
    key.expires_at = None if until is None else timezone.now() + until
    with pytest.raises(ValidationError, match="does not live longer: make a new one"):
        key.full_clean()
    with pytest.raises(CannotRestore, match="does not live longer"):
        restore(AuditEvent.objects.filter(type="api_key.updated").latest("pk"))


def test_a_key_that_lives_may_still_be_given_longer_by_hand(issue: Issue) -> None:
    key, _ = issue(expires_at=timezone.now() + HOUR)
    key.expires_at = None
    key.full_clean()


# --- Scopes ----------------------------------------------------------------------------------------------------


def test_a_key_keeps_some_of_its_scopes_in_their_order_and_that_is_on_the_audit_log(issue: Issue) -> None:
    key, token = issue(scopes=["model.read", "model.request", "usage.read"])
    key.narrow(["usage.read", "model.read"])
    assert caller(token).scopes == {"model.read", "usage.read"}
    assert key.scopes == ["model.read", "usage.read"]
    event = AuditEvent.objects.filter(type="api_key.updated").latest("pk")
    assert event.after["scopes"] == ["model.read", "usage.read"]


@pytest.mark.parametrize(
    ("wanted", "complaint", "code"),
    [
        (
            ["model.read", "flags.write", "admin.*", "flags.write"],
            r"not hold: flags\.write, admin\.\*\.",
            "more_scopes",
        ),
        (["no.such"], r"does not hold: no\.such\.", "more_scopes"),
        ([], "No scope would be left", "no_scopes"),
    ],
)
def test_more_scopes_and_none_at_all_are_refused_by_name(
    issue: Issue, wanted: list[str], complaint: str, code: str
) -> None:
    key, _ = issue(scopes=["model.read", "model.request"])
    with pytest.raises(ValidationError, match=complaint) as refusal:
        key.narrow(wanted)
    assert refusal.value.code == code
    assert ApiKey.objects.get(pk=key.pk).scopes == ["model.read", "model.request"]


def test_what_somebody_else_took_away_meanwhile_does_not_come_back(issue: Issue) -> None:
    key, _ = issue(scopes=["model.read", "model.request"])
    ApiKey.objects.get(pk=key.pk).narrow(["model.read"])
    with pytest.raises(ValidationError, match=r"does not hold: model\.request"):
        key.narrow(["model.read", "model.request"])


# --- Rotating --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": ["model.read"]},
        {"is_admin": True},
        {"is_publishable": True, "origins": ["https://a.example"], "scopes": ["flags.read"]},
        {"expires_at": timezone.now() + timedelta(days=30)},
    ],
)
def test_the_new_key_is_all_that_the_old_one_was_and_no_more(issue: Issue, fields: dict[str, object]) -> None:
    old, token = issue(name="shop", **fields)
    new, fresh = rotate(old)
    same = (
        "name", "organization", "project", "user", "service_account", "scopes", "is_admin", "is_publishable", "origins",
        "expires_at",
    )  # fmt: skip
    saved = ApiKey.objects.get(pk=new.pk)
    assert {name: getattr(saved, name) for name in same} == {name: getattr(old, name) for name in same}
    assert fresh != token
    assert caller(fresh).scopes == caller(token).scopes
    assert (caller(fresh).key_family, saved.family) == (old.public_id, old.public_id)


def test_the_old_key_works_for_the_overlap_and_knows_what_replaces_it(issue: Issue) -> None:
    old, token = issue()
    before = timezone.now()
    new, _ = rotate(old)
    old.refresh_from_db()
    assert old.replaced_by == new
    assert new.replaces == old
    assert before + OVERLAP <= old.expires_at <= timezone.now() + OVERLAP
    assert caller(token).key_id == old.public_id


def test_without_an_overlap_the_old_key_ends_at_once(issue: Issue) -> None:
    old, token = issue()
    _, fresh = rotate(old, timedelta(0))
    assert look_up(token) is None
    assert caller(fresh).key_name == old.name


def test_an_overlap_makes_no_life_longer(issue: Issue) -> None:
    until = timezone.now() + HOUR
    old, _ = issue(expires_at=until)
    rotate(old, timedelta(days=1), expires_at=until + HOUR)
    old.refresh_from_db()
    assert old.expires_at == until
    assert old.replaced_by.expires_at == until + HOUR


def test_both_sides_of_a_rotation_are_on_the_audit_log(issue: Issue) -> None:
    old, _ = issue()
    new, _ = rotate(old)
    made, changed = AuditEvent.objects.filter(target_type="accounts.apikey").order_by("pk")[1:]
    assert (made.type, made.target_id) == ("api_key.created", new.public_id)
    assert (changed.type, changed.target_id) == ("api_key.updated", old.public_id)
    assert changed.changed() == ["expires_at", "replaced_by"]
    assert (changed.before["replaced_by"], changed.after["replaced_by"]) == (None, new.public_id)
    with pytest.raises(CannotRestore, match="does not live longer"):
        restore(changed)


def test_a_key_is_replaced_once_and_its_successor_after_it(issue: Issue) -> None:
    first, _ = issue()
    second, _ = rotate(first)
    with pytest.raises(ValidationError, match=f"replaced by {second.public_id}: rotate that one") as refusal:
        rotate(first)
    assert refusal.value.code == "replaced"
    third, _ = rotate(second)
    assert (second.family, third.family) == (first.public_id, first.public_id)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), LONGEST_OVERLAP + timedelta(seconds=1)])
def test_an_overlap_out_of_range_is_refused(issue: Issue, overlap: timedelta) -> None:
    key, _ = issue()
    with pytest.raises(ValidationError, match="from none to 365 days"):
        rotate(key, overlap)
    assert ApiKey.objects.count() == 1


def test_a_key_that_has_fallen_with_its_owner_is_not_rotated(issue: Issue, user: User) -> None:
    key, _ = issue(user=user)
    models.QuerySet(Membership).all().delete()  # past the rule that an owner stays
    with pytest.raises(ValidationError, match="has fallen"):
        rotate(key)
    assert ApiKey.objects.count() == 1


def test_an_admin_key_whose_owner_came_down_is_not_rotated(issue: Issue, user: User) -> None:
    key, _ = issue(user=user, is_admin=True)
    models.QuerySet(Membership).update(role=Role.MEMBER)
    with pytest.raises(ValidationError, match="An admin key needs an owner"):
        rotate(key)
    key.refresh_from_db()
    assert (key.replaced_by, key.expires_at) == (None, None)


def test_a_dry_run_tries_all_of_it_and_leaves_nothing(issue: Issue) -> None:
    key, token = issue()
    RateLimit.objects.put(key, {"value": 1}, model="", unit="requests", period="minute")
    before = AuditEvent.objects.count()
    rotate(key, timedelta(0), dry_run=True)
    key.refresh_from_db()
    assert (ApiKey.objects.count(), key.replaced_by, key.expires_at) == (1, None, None)
    assert RateLimit.objects.get().api_key == key
    assert AuditEvent.objects.count() == before
    assert caller(token).key_id == key.public_id


def test_deleting_the_new_key_leaves_the_old_one(issue: Issue) -> None:
    old, _ = issue()
    rotate(old)[0].delete()
    old.refresh_from_db()
    assert old.replaced_by is None


# --- Limits of a family ----------------------------------------------------------------------------------------


def test_limits_and_budgets_follow_to_the_new_key_and_are_written_down(issue: Issue) -> None:
    old, _ = issue()
    other, _ = issue()
    for key in (old, other):
        RateLimit.objects.put(key, {"value": 5}, model="", unit="requests", period="minute")
        Budget.objects.put(key, {"amount": Decimal(2)}, period="day")
    new, _ = rotate(old)
    assert {row.api_key for row in RateLimit.objects.all()} == {new, other}
    assert {row.api_key for row in Budget.objects.all()} == {new, other}
    moved = AuditEvent.objects.filter(type__in=["rate_limit.updated", "budget.updated"], before__isnull=False)
    assert [(event.before["api_key"], event.after["api_key"]) for event in moved] == [
        (old.public_id, new.public_id)
    ] * 2


def test_in_the_overlap_both_keys_together_have_what_the_one_had(issue: Issue) -> None:
    old, token = issue()
    RateLimit.objects.put(old, {"value": 3}, model="", unit="requests", period="minute")
    Budget.objects.put(old, {"amount": Decimal("0.000010")}, period="day")
    store = LocalStore()

    def call(text: str, cost: int = 0) -> Grant | Refusal:
        return store.reserve(ruleset.read().plan(caller(text), "m", "m"), 1, cost)

    assert isinstance(call(token, 4), Grant)
    _, fresh = rotate(old)
    assert isinstance(call(fresh, 4), Grant)
    for text in (token, fresh):
        spent = call(text, 4)
        assert isinstance(spent, Refusal)
        assert spent.by.scope == f"key:{old.public_id}"
    assert isinstance(call(token), Grant)
    for text in (token, fresh):
        assert isinstance(call(text), Refusal)


def test_a_replaced_key_gets_no_limit_of_its_own(issue: Issue) -> None:
    old, _ = issue()
    new, _ = rotate(old)
    old.refresh_from_db()
    for put in (
        lambda: RateLimit.objects.put(old, {"value": 1}, model="", unit="requests", period="minute"),
        lambda: Budget.objects.put(old, {"amount": Decimal(1)}, period="day"),
    ):
        with pytest.raises(ValidationError, match=f"replaced by {new.public_id}: limit that one"):
            put()
    assert not RateLimit.objects.exists()


def test_keys_made_in_bulk_are_families_of_their_own(issue: Issue, project: Project) -> None:
    key, _ = issue()
    twin = ApiKey.objects.get(pk=key.pk)
    twin.pk, twin.public_id, twin.family, twin.digest = None, "key_bulk", "", "d" * 64
    ApiKey.objects.bulk_create([twin])
    limit = RateLimit.objects.put(ApiKey.objects.get(public_id="key_bulk"), {"value": 1}, unit="in_flight", period="")
    assert limit is not None
    assert limit.scope_key == "key:key_bulk"
