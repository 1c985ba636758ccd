"""What the tests of the staff pages of flags share."""

import html
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Membership, User
from features.models import Environment, Flag, FlagState, FlagsVersion
from features.opened import Opened

__all__ = ["as_role", "counted", "opened", "owner", "path", "posted", "text", "told"]

As = Callable[[str], Client]


@pytest.fixture
def as_role(database: None) -> As:
    """A browser of somebody on the staff who has this role in the default organisation, and nothing else."""

    def browser(role: str) -> Client:
        user = User.objects.create_user(f"a-{role}", f"{role}@example.com", is_staff=True)
        Membership.objects.create(user=user, organization=ensure_defaults()[0], role=role)
        client = Client()
        client.force_login(user)
        return client

    return browser


@pytest.fixture
def owner(as_role: As) -> Client:
    return as_role("owner")


def path(page: str, *parts: object) -> str:
    return "/admin/features/" + "".join(f"{part}/" for part in (page, *parts))


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def told(answer: Any) -> list[str]:
    """The messages on the page that the answer leads to."""
    return [str(message) for message in answer.context["messages"]]


def opened(row: Any) -> str:
    """What the page of a row that is opened now sends back."""
    return str(Opened.of(row))


def posted(flag: Flag, *states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What the page of a flag sends that is opened now: the flag, and the state in each environment, in the order of
    their keys; what is not named stays as it is, or begins as the page has it."""
    words = {name: getattr(flag, name) for name in ("kind", "description", "owner", "ticket", "algorithm", "salt")}
    switches = {name: "on" for name in ("permanent", "archived", "raw_exposures") if getattr(flag, name)}
    shown = {
        **words, **switches, "tags": "\n".join(flag.tags), "variants": json.dumps(flag.variants),
        "metadata": json.dumps(flag.metadata), "opened": opened(flag), **fields,
    }  # fmt: skip
    known = {state.environment: state for state in flag.states.select_related("environment")}
    places = list(Environment.objects.filter(organization=flag.organization).order_by("key"))
    order = [*(place for place in places if place in known), *(place for place in places if place not in known)]
    for number, place in enumerate(order):
        state = known.get(place) or FlagState(default_variant=next(iter(flag.variants)), off_variant="off")
        given = states[number] if number < len(states) else {}
        part = {
            "id": state.pk or "", "flag": flag.pk, "environment": place.pk, "default_variant": state.default_variant,
            "off_variant": state.off_variant, "rules": json.dumps(state.rules), "rollout": "", "share": "0",
            "prerequisites": json.dumps(state.prerequisites), **({"enabled": "on"} if state.enabled else {}), **given,
        }  # fmt: skip
        shown |= {f"states-{number}-{name}": value for name, value in part.items() if value is not None}
    return {**shown, "states-TOTAL_FORMS": len(order), "states-INITIAL_FORMS": len(known)}


@contextmanager
def counted(*types: str) -> Iterator[None]:
    """Within this, flags are changed: the version moves, and the log gets these events and no others."""
    version, last = FlagsVersion.current(), AuditEvent.objects.order_by("pk").last()
    yield
    fresh = AuditEvent.objects.filter(pk__gt=last.pk if last else 0).order_by("pk")
    assert [event.type for event in fresh] == list(types)
    assert {event.source for event in fresh} <= {"admin"}
    assert (FlagsVersion.current() > version) is bool(types)
