"""Every staff page × everybody × everything that is done on it: the whole matrix, from one table.

The table is written by hand, so that it and the pages' own `rights` keep watch over each other. Columns are letters:
**s**uperuser; **o**wner, **a**dmin, **m**ember and **v**iewer of the organisation; **p**, a member who is admin of the
project. The owner of another organisation and whoever is not signed in are in no column: they may do nothing here.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.db import models, transaction
from django.test import Client

from accounts.audit.recording import record
from accounts.models import (
    ApiKey,
    AuditEvent,
    Budget,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    RateLimit,
    ServiceAccount,
    Session,
    Spend,
    SpendAlert,
    SpendNotice,
    User,
)
from accounts.staff import StaffInline, StaffPage
from accounts.staff_forms import StaffForm
from analytics.draining import store
from analytics.models import (
    AnalyticsPolicy,
    Event,
    EventCount,
    EventName,
    Experiment,
    Refused,
    RejectedEvent,
    RolloutGuard,
    TurnBack,
    UsageRecord,
    Visit,
    Width,
)
from api.models import Alias, Model, ModelPermissions, Policy, Upstream, Veto
from features.models import Environment, Flag, FlagState, ProjectEnvironment, Ramp, Segment
from tests.analytics.recorded import GOOD
from tests.beginnings import Beginnings

ALL = "soamvp"
CALLERS = ("superuser", "owner", "admin", "member", "viewer", "project admin", "other owner", "anonymous")
MEASURED = ("superuser", "owner")
"""Whose visits coverage sees: those of the others go the same ways."""
every_caller = pytest.mark.parametrize(
    "caller", [name if name in MEASURED else pytest.param(name, marks=pytest.mark.unmeasured) for name in CALLERS]
)
MARK = "zebra"


@dataclass(frozen=True)
class Row:
    """Who may do what to one row. `add` is of the page; `actions` are by name."""

    sees: str
    add: str = ""
    change: str = ""
    delete: str = ""
    actions: dict[str, str] = field(default_factory=dict)


ANSWERS: dict[str, dict[str, Any]] = {
    "rotate_selected": {"overlap": "7"},
    "expire_selected": {"days": "0"},
    "narrow_selected": {"scopes": ["model.read"]},
    "kill_selected": {"environment": "production", "reason": "It breaks the checkout."},
}
"""What the questions of actions are answered with, beside yes."""
KEY_ACTIONS = ("revoke_selected", "rotate_selected", "expire_selected", "narrow_selected")
MODES = ("enforce_selected", "shadow_selected")
FLAGS = {"add": "soa", "change": "soa", "delete": "soa"}

# `page:row`; a page has several rows where it treats them differently.
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
TABLE = {
    "accounts.user:colleague": Row(ALL, add="s", change="s", delete="s"),
    "accounts.organization:own": Row(ALL, add="s", change="so"),
    "accounts.membership:member": Row(ALL, add="soa", change="soa", delete="soa"),
    "accounts.membership:owner": Row(ALL, add="soa", change="soa", delete="so"),
    "accounts.session:member": Row("soa", actions={"end_selected": "soa"}),
    "accounts.session:owner": Row("soa", actions={"end_selected": "so"}),
    "accounts.project:own": Row(ALL, add="soa", change="soap", actions={"archive_selected": "soa"}),
    "accounts.projectmembership:viewer": Row("soap", add="soap", change="soap", delete="soap"),
    "accounts.serviceaccount:member": Row("soap", add="soap", change="soap", delete="soap"),
    "accounts.serviceaccount:owner": Row("soap", add="soap", change="soap", delete="so"),
    "accounts.apikey:project": Row("soap", add="soap", change="soap", actions=dict.fromkeys(KEY_ACTIONS, "soap")),
    "accounts.apikey:organization": Row(
        "soa", add="soap", change="so", actions={**dict.fromkeys(KEY_ACTIONS, "so"), "narrow_selected": ""}
    ),
    **{
        f"accounts.{page}:{row}": limits
        for page in ("ratelimit", "budget")
        for row, limits in {
            "project": Row("soap", add="soap", change="soap", delete="soap"),
            "key": Row("soap", add="soap", change="soap", delete="soap"),
            "organization": Row("soamp", add="soap", change="so", delete="so"),
        }.items()
    },
    "accounts.spendalert:project": Row(
        "soap", add="soap", change="soap", delete="soap", actions={"exchange_secret": "soap"}
    ),
    "accounts.spendalert:organization": Row(
        "soamp", add="soap", change="so", delete="so", actions={"exchange_secret": "so"}
    ),
    "accounts.spendnotice:project": Row("soap", actions={"try_again": "soap"}),
    "accounts.spendnotice:organization": Row("soamp", actions={"try_again": "so"}),
    "accounts.spend:project": Row("soap"),
    "accounts.spend:key": Row("soap"),
    "accounts.spend:organization": Row("soamp"),
    "accounts.spend:gone": Row("s"),
    "accounts.auditevent:organization": Row("soa", actions={"restore_selected": "so"}),
    "accounts.auditevent:server": Row("s", actions={"restore_selected": "s"}),
    "analytics.usagerecord:own": Row("soamp"),
    "analytics.refused:any": Row("s"),
    "analytics.analyticspolicy:own": Row("soap", add="soap", change="soap", delete="soap"),
    "analytics.eventname:own": Row(ALL, **FLAGS),
    "analytics.event:own": Row("soap"),
    "analytics.experiment:draft": Row(ALL, **FLAGS, actions={"start_selected": "soa"}),
    "analytics.experiment:running": Row(ALL, add="soa", change="soa", actions={"stop_selected": "soa"}),
    "analytics.eventcount:own": Row("soap"),
    "analytics.rejectedevent:own": Row("soap"),
    "analytics.visit:own": Row("soap"),
    "features.flag:own": Row(ALL, **FLAGS, actions={"kill_selected": ALL, "archive_selected": "soa"}),
    "features.environment:staging": Row(ALL, **FLAGS),
    "features.environment:production": Row(ALL, add="soa", change="soa"),
    "features.ramp:own": Row(ALL, add="soa", delete="soa", actions={"pause_selected": "soa", "resume_selected": "soa"}),
    "analytics.rolloutguard:own": Row(ALL, **FLAGS, actions={"exchange_secret": "soa"}),
    "analytics.turnback:own": Row(ALL, actions={"try_again": "soa"}),
    "features.segment:own": Row(ALL, **FLAGS),
    "features.projectenvironment:own": Row(ALL, **FLAGS),
    "api.upstream:any": Row("s", add="s", change="s", delete="s"),
    "api.model:any": Row(
        "s", add="s", change="s", delete="s", actions={"enable_selected": "s", "disable_selected": "s"}
    ),
    "api.modelpermissions:project": Row("soap", add="soap", change="soap", delete="soap"),
    "api.alias:any": Row("s", add="s", change="s", delete="s"),
    "api.policy:project": Row("soap", add="soap", change="soap", delete="soap", actions=dict.fromkeys(MODES, "soap")),
    "api.policy:organization": Row(
        "soamp", add="soap", change="soa", delete="soa", actions=dict.fromkeys(MODES, "soa")
    ),
    "api.veto:own": Row("soap"),
}
PAGES = sorted({key.partition(":")[0] for key in TABLE})


class World:
    """An organisation with one row of each kind, and everybody who comes to its pages."""

    def __init__(self, mark: str = "home") -> None:
        self.mark = mark
        self.public = mark[::-1]
        """The catalogue is of the whole server: its names may be seen by everybody, for choosing."""
        self.organization = Organization.objects.create(slug=mark, name=f"{mark} organisation")
        self.project = Project.objects.create(organization=self.organization, name=f"{mark} project")
        self.colleague = self.join("colleague", "member")
        self.chief = self.join("chief", "owner")
        self.join("partner", "owner")  # so that the chief is not the last owner, who cannot go
        self.assigned = ProjectMembership.objects.create(membership=self.colleague, project=self.project, role="viewer")
        self.robot = ServiceAccount.objects.create(project=self.project, name=f"{mark} robot", role="member")
        self.master = ServiceAccount.objects.create(
            project=self.project, name=f"{mark} master", role="owner", organization_role="owner"
        )
        self.key = self.issue("key", project=self.project, service_account=self.robot)
        self.admin_key = self.issue("admin key", is_admin=True, service_account=self.master)
        self.scopes = {"project": self.project, "organization": self.organization, "api_key": self.key}

    def join(self, name: str, role: str, **fields: Any) -> Membership:
        user = User.objects.create_user(f"{self.mark}-{name}", f"{name}@{self.mark}.example.com", **fields)
        return Membership.objects.create(user=user, organization=self.organization, role=role)

    def issue(self, name: str, **fields: Any) -> ApiKey:
        return ApiKey.issue(name=f"{self.mark} {name}", organization=self.organization, **fields)[0]

    def browser(self, caller: str) -> Client:
        """A browser in which `caller` has signed in, holding roles and none of Django's permissions."""
        client = Client()
        if caller == "superuser":
            client.force_login(User.objects.create_superuser("root", "root@example.com"))
        elif caller == "other owner":
            client.force_login(World("elsewhere").join("boss", "owner", is_staff=True).user)
        elif caller != "anonymous":
            member = self.join(f"clerk-{caller[0]}", "member" if caller == "project admin" else caller, is_staff=True)
            if caller == "project admin":
                ProjectMembership.objects.create(membership=member, project=self.project, role="admin")
            client.force_login(member.user)
        return client

    def row(self, page: str, kind: str) -> models.Model:
        """The row of the table, made where the world does not have it already."""
        made: dict[str, Callable[[], models.Model]] = {
            "accounts.user": lambda: self.colleague.user,
            "accounts.organization": lambda: self.organization,
            "accounts.membership": lambda: self.chief if kind == "owner" else self.colleague,
            "accounts.session": lambda: self.session(self.chief if kind == "owner" else self.colleague),
            "accounts.project": lambda: self.project,
            "accounts.projectmembership": lambda: self.assigned,
            "accounts.serviceaccount": lambda: self.master if kind == "owner" else self.robot,
            "accounts.apikey": lambda: self.admin_key if kind == "organization" else self.key,
            "accounts.ratelimit": lambda: RateLimit.objects.create(
                unit="requests", period="day", value=7, **self.scope(kind)
            ),
            "accounts.budget": lambda: Budget.objects.create(period="day", amount=7, **self.scope(kind)),
            "accounts.spend": lambda: Spend.objects.create(
                scope=f"{kind}:{self.spender(kind)}", period="day", start=date(2026, 1, 31), micro=1
            ),
            "accounts.spendalert": lambda: self.alert(kind),
            "accounts.spendnotice": lambda: self.notice(kind),
            "accounts.auditevent": lambda: self.event(kind),
            "analytics.usagerecord": self.used,
            "analytics.refused": lambda: Refused.objects.create(
                hour=MOMENT, project_id=self.project.public_id, endpoint="/v1/embeddings", reason=self.mark, count=1
            ),
            "analytics.analyticspolicy": lambda: AnalyticsPolicy.objects.create(project=self.project),
            "analytics.eventname": lambda: EventName.objects.create(
                organization=self.organization, name=f"{self.mark}_viewed"
            ),
            "analytics.event": lambda: Event.objects.create(**self.happened()),
            "analytics.experiment": lambda: self.experiment(kind),
            "analytics.rejectedevent": lambda: RejectedEvent.objects.create(**self.happened(), code="unknown_event"),
            "analytics.visit": lambda: Visit.objects.create(
                project_id=self.project.public_id,
                entry_page=f"/{self.mark}",
                events=1,
                started_at=MOMENT,
                ended_at=MOMENT,
            ),
            "analytics.eventcount": lambda: EventCount.objects.create(
                project_id=self.project.public_id, name=self.mark, width=Width.HOUR, start=MOMENT, count=1
            ),
            "features.flag": self.flag,
            "features.ramp": self.ramp,
            "analytics.rolloutguard": self.guard,
            "analytics.turnback": self.turned_back,
            "features.environment": lambda: self.environment(kind),
            "features.segment": lambda: Segment.objects.create(organization=self.organization, key=f"{self.mark}-few"),
            "features.projectenvironment": lambda: ProjectEnvironment.objects.get_or_create(
                project=self.project, environment=self.environment(f"{self.mark}-stage")
            )[0],
            "api.upstream": lambda: Upstream.objects.create(name=self.public, base_url=f"http://{self.public}/v1"),
            "api.model": self.model,
            "api.modelpermissions": lambda: ModelPermissions.objects.create(project=self.project, mode="deny_list"),
            "api.policy": lambda: self.policy(kind),
            "api.veto": self.vetoed,
            "api.alias": lambda: Alias.objects.create(name=f"{self.public}-alias", target=self.model()),
        }
        return made[page]()

    def scope(self, kind: str) -> dict[str, Any]:
        name = {"key": "api_key"}.get(kind, kind)
        return {name: self.scopes[name]}

    def spender(self, kind: str) -> str:
        return self.mark if kind == "gone" else str(self.scope(kind).popitem()[1].public_id)

    def session(self, member: Membership) -> Session:
        begun = Session.begin(member.user, device=f"{self.mark} browser", address="")
        assert begun is not None
        return begun[0]

    def alert(self, kind: str) -> SpendAlert:
        fields = {"recipients": [f"ann@{self.mark}.example.com"], "webhook_url": f"https://{self.mark}.example.com/"}
        return SpendAlert.objects.create(period="day", threshold=7, **fields, **self.scope(kind))

    def notice(self, kind: str) -> SpendNotice:
        return SpendNotice.objects.create(
            alert=self.alert(kind),
            period="day",
            start=date(2026, 1, 31),
            threshold=7,
            micro=7,
            error=self.mark,
            attempts=9,
            given_up_at=MOMENT,  # or the thread that tells would try it meanwhile
        )

    def used(self) -> UsageRecord:
        texts = dict.fromkeys(("endpoint", "model_asked", "model", "upstream"), f"{self.mark}-1")
        numbers = dict.fromkeys(
            ("attempts", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_micro"), 1
        )
        # A page that is searched by the id shows what was searched for.
        return UsageRecord.objects.create(
            request_id=self.public,
            at=MOMENT, organization_id=self.organization.public_id, status=200, duration_us=1, stream=False,
            estimated=False, cache_hit=False, **texts, **numbers,
        )  # fmt: skip

    def happened(self) -> dict[str, Any]:
        times = {"at": MOMENT, "received_at": MOMENT}
        return {"project_id": self.project.public_id, "event_id": self.public, "name": self.mark, **times}

    def model(self) -> Model:
        upstream, _ = Upstream.objects.get_or_create(name=f"{self.public}-2", base_url=f"http://{self.public}/v1")
        return Model.objects.get_or_create(model_id=self.public, upstream=upstream, upstream_model=self.public)[0]

    def policy(self, kind: str) -> Policy:
        named = {"name": f"{self.mark} policy", "pattern": self.mark, "reason_code": self.mark}
        return Policy.objects.create(**named, **self.scope(kind))

    def vetoed(self) -> Veto:
        named = dict.fromkeys(("policy", "key_id", "model", "model_asked", "reason_code"), self.mark)
        # A page that is searched by the id shows what was searched for.
        return Veto.objects.create(
            at=MOMENT, project_id=self.project.public_id, request_id=self.public, endpoint="/v1/embeddings",
            policy_id=1, kind="pattern", mode="enforce", **named,
        )  # fmt: skip

    def environment(self, kind: str) -> Environment:
        return Environment.objects.get_or_create(organization=self.organization, key=kind)[0]

    def flag(self) -> Flag:
        """A flag that is on in production."""
        flag, made = Flag.objects.get_or_create(
            organization=self.organization, key=f"{self.mark}-flag", kind="boolean", variants={"on": True}
        )
        if made:
            FlagState.objects.create(flag=flag, environment=self.environment("production"), enabled=True)
        return flag

    def experiment(self, kind: str) -> Experiment:
        flag = Flag.objects.create(
            organization=self.organization,
            key=f"{self.mark}-{kind}",
            kind="boolean",
            variants={"on": True, "off": False},
        )
        place = self.environment("production")
        made = Experiment.objects.create(
            name=f"{self.mark} or not", flag=flag, environment=place, metric="latency", control="off"
        )
        if kind == "running":
            made.start()
        return made

    def ramp(self) -> Ramp:
        """A ramp that runs, and has a long time to its next step."""
        steps = [{"at": "2099-01-01T00:00:00+00:00", "weight": 5_000}]
        state = self.flag().states.get()
        return Ramp.objects.create(state=state, variant="on", rest="off", steps=steps, next_at=MOMENT.replace(2099))

    def guard(self) -> RolloutGuard:
        named = {"state": self.flag().states.get(), "webhook_url": f"https://{self.mark}.example.com/"}
        return RolloutGuard.objects.get_or_create(**named, defaults={"error_rate_most": 5})[0]

    def turned_back(self) -> TurnBack:
        numbers = dict.fromkeys(("value", "limit", "requests", "control_requests"), 7)
        return TurnBack.objects.create(
            guard=self.guard(), variant=self.mark, control="off", metric="cost", threshold="most", first_minute=MOMENT,
            over_at=MOMENT, error=self.mark, attempts=9, given_up_at=MOMENT, **numbers,
        )  # fmt: skip

    def event(self, kind: str) -> AuditEvent:
        """A change that can be restored: of the organisation's project, or of nothing that belongs to any."""
        homes = (self.organization.public_id,) if kind == "organization" else ("",)
        names = ({"name": f"{self.mark} before"}, {"name": f"{self.mark} after"})
        record(
            "project.updated", target_type="accounts.project", target_id=self.project.public_id,
            target_name=self.mark, before=names[0], after=names[1], organizations=homes,
        )  # fmt: skip
        return AuditEvent.objects.latest("pk")


@pytest.fixture
def world(database: None, beginnings: Beginnings) -> World:
    return beginnings.begin("home", World)


def url(page: str, *parts: object) -> str:
    return f"/admin/{page.replace('.', '/')}/" + "".join(f"{part}/" for part in parts)


def state(row: models.Model) -> Any:
    """What the database holds of a row now; None where it is gone."""
    return models.QuerySet(type(row)).filter(pk=row.pk).values().first()


class Attempt:
    """What one caller gets of one row, each try undone before the next."""

    def __init__(self, world: World, page: str, kind: str, caller: str) -> None:
        self.page, self.caller = page, caller
        self.row = world.row(page, kind)
        self.client = world.browser(caller)
        self.letter = {"other owner": "", "anonymous": ""}.get(caller, caller[0])
        self.allowed = TABLE[f"{page}:{kind}"]

    def may(self, letters: str) -> bool:
        return bool(self.letter) and self.letter in letters

    def any_row(self, letters: Callable[[Row], str]) -> bool:
        """Whether the caller may do this to some row: the owner of another organisation to their own."""
        letter = "o" if self.caller == "other owner" else self.letter
        return bool(letter) and any(letter in letters(each) for key, each in TABLE.items() if self.on(key))

    def on(self, key: str) -> bool:
        return key.startswith(f"{self.page}:")

    def get(self, *parts: object, **query: str) -> Any:
        return self.client.get(url(self.page, *parts), query)

    def post(self, *parts: object, **data: Any) -> tuple[Any, Any]:
        """The answer, and what is left of the row; then the database is as it was."""
        with transaction.atomic():
            answer = self.client.post(url(self.page, *parts), data)
            left = state(self.row)
            transaction.set_rollback(True)
        return answer, left


@every_caller
@pytest.mark.parametrize("key", TABLE)
def test_a_row_of_the_matrix(world: World, key: str, caller: str) -> None:
    page, _, kind = key.partition(":")
    attempt = Attempt(world, page, kind, caller)
    before, allowed = state(attempt.row), attempt.allowed
    sees, opens = attempt.may(allowed.sees), attempt.any_row(lambda row: row.sees)
    no = 302 if caller == "anonymous" else 403
    missing = 302 if opens or caller == "anonymous" else 403

    listed = attempt.get()
    assert listed.status_code == (200 if opens else no)
    if opens:
        assert (attempt.row in listed.context["cl"].queryset) is sees
    assert attempt.get("add").status_code == (200 if attempt.any_row(lambda row: row.add) else no)

    opened = attempt.get(attempt.row.pk, "change")
    assert opened.status_code == (200 if sees else missing)
    assert attempt.get(attempt.row.pk, "history").status_code == (200 if sees else 302)
    answer, left = attempt.post(attempt.row.pk, "change")
    assert answer.status_code in ((200, 302) if attempt.may(allowed.change) else (no, missing))
    if not attempt.may(allowed.change):
        assert left == before
    if sees:
        assert opened.context["has_change_permission"] is attempt.may(allowed.change)

    answer, left = attempt.post(attempt.row.pk, "delete", post="yes")
    assert (left is None) is attempt.may(allowed.delete), answer.status_code
    answer, left = attempt.post(action="delete_selected", _selected_action=[attempt.row.pk], post="yes")
    assert (left is None) is attempt.may(allowed.delete), answer.status_code


@every_caller
@pytest.mark.parametrize(("key", "action"), [(key, action) for key, row in TABLE.items() for action in row.actions])
def test_an_action_of_the_matrix(world: World, key: str, action: str, caller: str) -> None:
    page, _, kind = key.partition(":")
    attempt = Attempt(world, page, kind, caller)
    chosen = attempt.row.pk
    changed = attempt.row
    if page == "accounts.auditevent":
        changed = attempt.row = world.project
    elif action == "kill_selected":
        changed = attempt.row = FlagState.objects.get(flag=chosen)
    if action == "resume_selected":
        Ramp.objects.update(status="paused", stopped_at=MOMENT)
    if action == "enable_selected":
        models.QuerySet(type(changed)).filter(pk=changed.pk).update(enabled=False)
    if action == "shadow_selected":
        models.QuerySet(type(changed)).filter(pk=changed.pk).update(mode="enforce")
    before = state(changed)
    _, left = attempt.post(action=action, _selected_action=[chosen], post="yes", **ANSWERS.get(action, {}))
    assert (left != before) is attempt.may(attempt.allowed.actions[action])


@every_caller
def test_the_page_of_usage_is_of_whoever_may_read_it(world: World, caller: str) -> None:
    store([GOOD._replace(organization_id=world.organization.public_id, model=world.mark, at=int(time.time() * 1e6))])
    answer = world.browser(caller).get("/admin/usage/", {"organization": world.organization.public_id})
    sees = caller[0] in TABLE["analytics.usagerecord:own"].sees and caller not in ("other owner", "anonymous")
    if caller in ("superuser", "other owner") or sees:
        assert answer.status_code == 200
        assert ("overview" in answer.context) is sees
        assert (world.mark in answer.content.decode()) is sees
    else:
        assert answer.status_code == (302 if caller == "anonymous" else 403)


@every_caller
def test_the_charts_of_events_are_of_whoever_may_read_the_analytics_of_a_project(world: World, caller: str) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    EventCount.objects.create(
        project_id=world.project.public_id, name=world.mark, width=Width.HOUR, start=hour, count=1
    )
    answer = world.browser(caller).get("/admin/events/", {"organization": world.organization.public_id})
    sees = caller[0] in TABLE["analytics.eventcount:own"].sees and caller not in ("other owner", "anonymous")
    if caller in ("superuser", "other owner") or sees:
        assert answer.status_code == 200
        assert (answer.context["activity"] is not None) is sees
        assert (world.mark in answer.content.decode()) is sees
    else:
        assert answer.status_code == (302 if caller == "anonymous" else 403)


# --- The walk through the registry -----------------------------------------------------------------------------


def test_every_registered_page_follows_the_roles_and_is_in_the_table() -> None:
    for model, page in admin.site._registry.items():
        assert isinstance(page, StaffPage), model
        assert issubclass(page.form, StaffForm) or not any(right.add or right.change for right in page.rights), model
        for inline in page.inlines:
            assert issubclass(inline, StaffInline), inline
    assert sorted(model._meta.label_lower for model in admin.site._registry) == PAGES


def test_every_action_of_every_page_asks_for_what_it_needs_and_is_in_the_table() -> None:
    for model, page in admin.site._registry.items():
        rows = [row for key, row in TABLE.items() if key.startswith(f"{model._meta.label_lower}:")]
        for name in page.actions or ():
            assert hasattr(getattr(type(page), str(name)), "needs"), (model, name)
            assert not rows or any(name in row.actions for row in rows), (model, name)


# --- What is of others -----------------------------------------------------------------------------------------


@pytest.fixture
def others(database: None, beginnings: Beginnings) -> World:
    """Another organisation, every name of which holds the mark."""

    def make() -> World:
        other = World(MARK)
        for key in TABLE:
            page, _, kind = key.partition(":")
            other.row(page, kind)
        return other

    return beginnings.begin(MARK, make)


@pytest.mark.unmeasured
@pytest.mark.parametrize("caller", ["owner", "admin", "member", "viewer", "project admin"])
@pytest.mark.parametrize("page", PAGES)
def test_nothing_of_another_organisation_is_shown_found_or_offered(
    world: World, others: World, page: str, caller: str
) -> None:
    client = world.browser(caller)
    rows = [world.row(*key.split(":")) for key in TABLE if key.startswith(f"{page}:")]
    foreign = models.QuerySet(type(rows[0])).filter(pk=world_row(others, page).pk).get()
    answers = [
        client.get(url(page)),
        client.get(url(page, "add")),
        client.get(url(page), {"q": str(foreign.pk)}),
        client.get("/admin/"),
        *(client.get(url(page, row.pk, part)) for row in rows for part in ("change", "history")),
        *(client.get(url(page, foreign.pk, part), follow=True) for part in ("change", "delete", "history")),
    ]
    for answer in answers:
        assert MARK not in answer.content.decode(), answer.request["PATH_INFO"]


def world_row(world: World, page: str) -> models.Model:
    """One of the rows that the world has of this page already."""
    model = next(model for model in admin.site._registry if model._meta.label_lower == page)
    mine: dict[str, Any] = {
        "accounts.user": {"username__startswith": world.mark},
        "accounts.organization": {"pk": world.organization.pk},
        "accounts.membership": {"organization": world.organization},
        "accounts.projectmembership": {"project": world.project},
        "accounts.session": {"user": world.colleague.user},
        "accounts.spend": {"scope": f"project:{world.project.public_id}"},
        "accounts.auditevent": {"organization": world.organization.public_id},
        "accounts.ratelimit": {"project": world.project},
        "accounts.spendalert": {"project": world.project},
        "accounts.spendnotice": {"alert__project": world.project},
        "accounts.budget": {"project": world.project},
        "analytics.usagerecord": {"request_id": world.public},
        "analytics.refused": {"reason": world.mark},
        "analytics.analyticspolicy": {"project": world.project},
        "analytics.visit": {"entry_page": f"/{world.mark}"},
        "api.modelpermissions": {"project": world.project},
        "api.policy": {"project": world.project},
        "api.veto": {"reason_code": world.mark},
        "features.flag": {"organization": world.organization},
        "features.environment": {"organization": world.organization},
        "features.segment": {"organization": world.organization},
        "features.ramp": {"state__flag__organization": world.organization},
        "analytics.rolloutguard": {"state__flag__organization": world.organization},
        "analytics.turnback": {"variant": world.mark},
        "features.projectenvironment": {"project": world.project},
        "api.upstream": {"name": world.public},
        "api.model": {"model_id": world.public},
        "api.alias": {"name__startswith": world.public},
    }
    rows = models.QuerySet(model).filter(**mine.get(page, {"name__startswith": world.mark}))
    return rows.order_by("pk")[0]


CHOICES = sorted(
    (model._meta.label_lower, str(name))
    for model, page in admin.site._registry.items()
    for name in page.autocomplete_fields
)


@pytest.mark.parametrize(("page", "name"), CHOICES)
def test_nothing_of_another_organisation_is_completed(world: World, others: World, page: str, name: str) -> None:
    app, model = page.split(".")
    query = {"app_label": app, "model_name": model, "field_name": name, "term": MARK}
    for caller in ("owner", "viewer"):
        answer = world.browser(caller).get("/admin/autocomplete/", query)
        assert answer.status_code == 403 or answer.json()["results"] == [], caller
    query["term"] = others.public if app == "api" and model not in ("modelpermissions", "policy") else MARK
    assert world.browser("superuser").get("/admin/autocomplete/", query).json()["results"]


@pytest.mark.parametrize(
    ("page", "name", "fields"),
    [
        ("accounts.project", "organization", {"name": "x"}),
        ("accounts.serviceaccount", "project", {"name": "x", "role": "member"}),
        ("accounts.apikey", "project", {"name": "x", "organization": "organization", "service_account": "robot"}),
        ("accounts.apikey", "organization", {"name": "x", "project": "project", "service_account": "robot"}),
        ("accounts.apikey", "service_account", {"name": "x", "project": "project", "organization": "organization"}),
        ("accounts.apikey", "user", {"name": "x", "project": "project", "organization": "organization"}),
        ("accounts.ratelimit", "project", {"unit": "requests", "period": "day", "value": 5}),
        ("accounts.ratelimit", "api_key", {"unit": "requests", "period": "day", "value": 5}),
        ("accounts.spendalert", "project", {"period": "day", "threshold": 5, "recipients": "ann@example.com"}),
        ("accounts.budget", "organization", {"period": "day", "amount": 5}),
        ("api.modelpermissions", "project", {"mode": "allow_list"}),
        (
            "api.policy",
            "project",
            {"name": "x", "kind": "pattern", "pattern": "x", "mode": "enforce", "reason_code": "x"},
        ),
        ("analytics.analyticspolicy", "project", {"keeps_raw": "on"}),
        ("analytics.experiment", "flag", {"environment": "environment", "name": "x", "metric": "latency"}),
        ("analytics.experiment", "environment", {"flag": "flag", "name": "x", "metric": "latency"}),
        ("features.flag", "organization", {"key": "x", "kind": "boolean"}),
        ("features.segment", "organization", {"key": "x"}),
        ("features.environment", "organization", {"key": "x"}),
        ("features.projectenvironment", "project", {"environment": "environment"}),
        ("features.projectenvironment", "environment", {"project": "project"}),
        ("accounts.membership", "user", {"organization": "organization", "role": "member"}),
        ("accounts.membership", "organization", {"user": "user", "role": "owner"}),
        ("accounts.projectmembership", "project", {"membership": "colleague", "role": "member"}),
        ("accounts.projectmembership", "membership", {"project": "project", "role": "member"}),
    ],
)
def test_nothing_of_another_organisation_can_be_chosen(
    world: World, others: World, page: str, name: str, fields: dict[str, Any]
) -> None:
    def rows(of: World) -> dict[str, Any]:
        return {
            "organization": of.organization, "project": of.project, "service_account": of.robot, "robot": of.robot,
            "api_key": of.key, "user": of.colleague.user, "membership": of.colleague, "colleague": of.colleague,
            "environment": of.environment("production"),
            "flag": Flag.objects.filter(organization=of.organization).first() or of.flag(),
        }  # fmt: skip

    own = {key: getattr(rows(world).get(value), "pk", value) for key, value in fields.items()}
    expiry = {"expires_at_0": "", "expires_at_1": ""}
    client = world.browser("owner")
    answer = client.post(url(page, "add"), {**own, name: rows(others)[name].pk, **expiry})
    assert answer.status_code == 200
    assert "not one of the available choices" in str(answer.context["errors"])


@pytest.mark.parametrize(
    ("page", "lookup"),
    [
        ("accounts.apikey", "digest__startswith"),
        ("accounts.user", "password__startswith"),
        ("accounts.membership", "user__password__startswith"),
        ("accounts.project", "organization__memberships__user__email__contains"),
    ],
)
def test_the_lists_answer_no_questions_but_those_of_their_filters(world: World, page: str, lookup: str) -> None:
    assert world.browser("owner").get(url(page), {lookup: "a"}).status_code == 400


def test_the_filters_offer_what_the_reader_sees(world: World, others: World) -> None:
    page = world.browser("superuser").get(url("accounts.project")).content.decode()
    assert re.search(rf"organization__id__exact={others.organization.pk}\b", page)
