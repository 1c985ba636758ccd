"""The first page of the staff: what runs now, what is nearly used up, which keys want looking after, what was changed.

Each card shows only what whoever is signed in may see, costs the same few queries however much there is, and, where
there is nothing, says what to do.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from django.contrib.admin import site
from django.db.models import F, Model, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import ApiKey, AuditEvent, Budget, Organization, Project, RateLimit, Spend
from accounts.models.keyqueries import ApiKeyQuerySet
from accounts.models.limits import MICRO, SCOPES
from accounts.reach import reach_of
from accounts.staff_lists import visible_rows

SHOWN = 6
"""Rows of a card."""
MEASURED = 300
"""The most limits of which the use is asked for, the newest first."""
SOON = timedelta(days=30)
STALE = timedelta(days=90)
CHARTED_DAYS = 30


@dataclass(frozen=True)
class Card:
    """`rows` are cells under `headers`; without any, `empty` says what to do. `chart` is data for a chart in their
    place."""

    title: str
    link: str
    empty: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    chart: str = ""

    @property
    def table(self) -> dict[str, Any]:
        """As unfold's table takes it."""
        return {"headers": self.headers, "rows": self.rows}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What unfold asks for the first page: its context, with the cards."""
    cards = [card for make in CARDS if (card := make(request)) is not None]
    # What changes by itself is asked for anew; a chart would have to be drawn anew, and changes once a day.
    live = ",".join(f"#card-{number}" for number, card in enumerate(cards, 1) if not card.chart)
    return {**context, "title": "Dashboard", "cards": cards, "live": live}


def may_see(request: HttpRequest, model: type[Model]) -> bool:
    return site.get_model_admin(model).has_view_permission(request)


def page_of(model: type[Model], of: str = "changelist", *args: object) -> str:
    """The address of a staff page of this model."""
    name = model.__name__.lower()
    return reverse(f"admin:accounts_{name}_{of}", args=args)


def linked(row: Model, text: object) -> SafeString:
    return format_html('<a href="{}" class="hover:underline">{}</a>', page_of(type(row), "change", row.pk), text)


def unbroken(text: str) -> SafeString:
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


def fullest(rows: QuerySet[Any]) -> list[tuple[Any, ...]]:
    """Returns limits or budgets with their bars, the fullest first."""
    page: Any = site.get_model_admin(rows.model)
    measured = page.measured(rows.order_by("-pk").select_related(*SCOPES)[:MEASURED])
    bars = [(row, page.bar_of(row, row.live)) for row in measured]
    bars.sort(key=lambda pair: -pair[1].share)
    return [(linked(row, page.holds_for(row)), str(row), bar.html()) for row, bar in bars[:SHOWN]]


def in_flight(request: HttpRequest) -> Card | None:
    if not may_see(request, RateLimit):
        return None
    return Card(
        title="Requests in flight",
        link=f"{page_of(RateLimit)}?unit__exact=in_flight",
        empty="No limit on requests in flight is set. With one, this shows how many run at once.",
        headers=("Of", "Limit", "Now"),
        rows=fullest(visible_rows(RateLimit, request).filter(unit="in_flight")),
    )


def nearest_to_full(request: HttpRequest) -> Card | None:
    if not may_see(request, RateLimit):
        return None
    return Card(
        title="Rate limits nearest to full",
        link=page_of(RateLimit),
        empty="No rate limit is set: the defaults hold. Add one for an organisation, a project or a key.",
        headers=("Of", "Limit", "Now"),
        rows=fullest(visible_rows(RateLimit, request).exclude(unit="in_flight")),
    )


def budgets(request: HttpRequest) -> Card | None:
    if not may_see(request, Budget):
        return None
    return Card(
        title="Budgets used",
        link=page_of(Budget),
        empty="No budget is set: nothing stops the spending. Add one for a day or a month.",
        headers=("Of", "Budget", "Now"),
        rows=fullest(visible_rows(Budget, request)),
    )


def keys(request: HttpRequest) -> Card | None:
    """Keys that work, and end soon or were not used for long."""
    if not may_see(request, ApiKey):
        return None
    now = timezone.now()
    unused = Q(last_used_at__lt=now - STALE) | Q(last_used_at=None, created_at__lt=now - STALE)
    rows = cast(ApiKeyQuerySet, visible_rows(ApiKey, request))
    found = rows.open(now).filter(Q(project=None) | Q(project__archived_at=None)).with_owners()
    wanting = found.filter(Q(expires_at__lt=now + SOON) | unused).order_by(F("expires_at").asc(nulls_last=True), "pk")
    return Card(
        title="Keys that end soon or lie idle",
        link=page_of(ApiKey),
        empty=f"No key ends within {SOON.days} days, and none was idle for {STALE.days}. There is nothing to do.",
        headers=("Key", "Of", "Why"),
        rows=[(linked(key, key.name), key.project or key.organization, unbroken(why(key))) for key in wanting[:SHOWN]],
    )


def why(key: ApiKey) -> str:
    """Why a key wants looking after."""
    if key.expires_at is not None and key.expires_at < timezone.now() + SOON:
        return f"ends {key.expires_at:%Y-%m-%d}"
    return "never used" if key.last_used_at is None else f"last used {key.last_used_at:%Y-%m-%d}"


def spending(request: HttpRequest) -> Card | None:
    """What was spent on each of the last days, by all organisations or projects that may be seen."""
    if not may_see(request, Spend):
        return None
    first = timezone.now().date() - timedelta(days=CHARTED_DAYS - 1)
    rows = Spend.objects.filter(charged(request), period="day", start__gte=first).values("start")
    spent = {row["start"]: row["micro__sum"] / MICRO for row in rows.annotate(Sum("micro"))}
    return Card(
        title=f"Spent in the last {CHARTED_DAYS} days, in US dollars",
        link=page_of(Spend),
        empty="Nothing was spent. Models cost what their prices say; those without prices cost nothing.",
        chart=chart({day: spent.get(day, 0.0) for day in days(first)}) if spent else "",
    )


def days(first: date) -> list[date]:
    return [first + timedelta(days=number) for number in range(CHARTED_DAYS)]


def chart(values: dict[date, float]) -> str:
    """Data for unfold's chart of bars: one for each day."""
    bars = {"data": [round(value, 2) for value in values.values()], "backgroundColor": "var(--color-primary-600)"}
    return json.dumps(
        {
            "labels": [f"{day:%d %b}" for day in values],
            "datasets": [{**bars, "label": "US dollars", "displayYAxis": True, "maxTicksXLimit": 10}],
        }
    )


def charged(request: HttpRequest) -> Q:
    """The scopes whose spending adds up to all that may be seen: a call is charged to its key, its project and its
    organisation, and is to be counted once."""
    reach = reach_of(request)
    if reach.everything:
        return Q(scope__startswith="organization:")
    whole = reach.organizations_for("organization.usage.read")
    organizations = Organization.objects.filter(pk__in=whole).values_list("public_id", flat=True)
    projects = Project.objects.filter(pk__in=reach.projects_for("project.limits.read")).exclude(organization__in=whole)
    scopes = [f"organization:{public_id}" for public_id in organizations]
    return Q(
        scope__in=[*scopes, *(f"project:{public_id}" for public_id in projects.values_list("public_id", flat=True))]
    )


def changes(request: HttpRequest) -> Card | None:
    if not may_see(request, AuditEvent):
        return None
    events = visible_rows(AuditEvent, request).order_by("-pk")[:SHOWN]
    page: Any = site.get_model_admin(AuditEvent)
    return Card(
        title="Last changes",
        link=page_of(AuditEvent),
        empty="Nothing was changed yet. Every change of an organisation, a project, a key or a limit is listed here.",
        headers=("When", "What", "Who"),
        rows=[(unbroken(f"{at.created_at:%Y-%m-%d %H:%M}"), linked(at, at), page.actor(at)) for at in events],
    )


CARDS: list[Callable[[HttpRequest], Card | None]] = [nearest_to_full, budgets, in_flight, keys, spending, changes]
"""What the page consists of, in order. Other apps add theirs."""
