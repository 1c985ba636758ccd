"""The sidebar of the staff pages: every page, in groups, those that whoever is signed in may open."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

Item = tuple[str, str, str]
"""The model of the page, its title here, and a symbol of Material Symbols."""
CHARTS: dict[str, tuple[str, Item]] = {
    "Usage": ("usage", ("analytics.usagerecord", "Usage", "monitoring")),
    "Events": ("event-charts", ("analytics.eventcount", "Event charts", "monitoring")),
}
"""By group: the name of a page that sums up what that of the model lists. Whoever may open one may open both."""

GROUPS: dict[str, tuple[Item, ...]] = {
    "": (("accounts.auditevent", "Audit log", "history"),),
    "Organisations": (
        ("accounts.organization", "Organisations", "domain"),
        ("accounts.project", "Projects", "folder"),
        ("accounts.user", "Users", "person"),
        ("accounts.membership", "Memberships", "badge"),
        ("accounts.projectmembership", "Project memberships", "group"),
        ("accounts.session", "Sessions", "login"),
    ),
    "Keys": (
        ("accounts.apikey", "API keys", "vpn_key"),
        ("accounts.serviceaccount", "Service accounts", "smart_toy"),
    ),
    "Limits": (
        ("accounts.ratelimit", "Rate limits", "speed"),
        ("accounts.budget", "Budgets", "account_balance_wallet"),
        ("accounts.spend", "Spending", "payments"),
        ("accounts.spendalert", "Spend alerts", "notifications"),
        ("accounts.spendnotice", "What was told", "outgoing_mail"),
    ),
    "Usage": (
        ("analytics.usagerecord", "Usage records", "receipt_long"),
        ("analytics.refused", "Refused requests", "block"),
    ),
    "Guardian": (
        ("api.policy", "Policies", "gavel"),
        ("api.veto", "Vetoes", "front_hand"),
    ),
    "Events": (
        ("analytics.eventname", "Event names", "label"),
        ("analytics.event", "Events", "bolt"),
        ("analytics.eventcount", "Events by the hour", "bar_chart"),
        ("analytics.visit", "Visits", "footprint"),
        ("analytics.rejectedevent", "Rejected events", "report"),
        ("analytics.analyticspolicy", "Event policies", "policy"),
    ),
    "Feature flags": (
        ("features.flag", "Flags", "flag"),
        ("analytics.experiment", "Experiments", "science"),
        ("features.ramp", "Ramps", "trending_up"),
        ("analytics.rolloutguard", "Rollout guards", "shield"),
        ("analytics.turnback", "Turned back", "undo"),
        ("features.segment", "Segments", "groups"),
        ("features.environment", "Environments", "layers"),
        ("features.projectenvironment", "Projects in environments", "folder_managed"),
    ),
    "Models": (
        ("api.modelpermissions", "Models of projects", "rule"),
        ("api.model", "Models", "neurology"),
        ("api.alias", "Aliases", "alternate_email"),
        ("api.upstream", "Upstreams", "dns"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What unfold asks for: groups of links, without the groups of which there is nothing to see. What has no
    title stands first, with the dashboard."""
    groups: list[dict[str, Any]] = []
    for title, items in GROUPS.items():
        links = [link(item) for item in items if opens(request, item[0])]
        if title in CHARTS:
            name, (label, called, icon) = CHARTS[title]
            if opens(request, label):
                links.insert(0, {"title": called, "icon": icon, "link": reverse(name)})
        if not title:
            links.insert(0, {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")})
        if links:
            groups.append({"title": title, "separator": bool(title), "items": links})
    return groups


def opens(request: HttpRequest, label: str) -> bool:
    return admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)


def link(item: Item) -> dict[str, Any]:
    label, title, icon = item
    return {"title": title, "icon": icon, "link": reverse(f"admin:{label.replace('.', '_')}_changelist")}
