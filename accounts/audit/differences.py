"""Both sides of an event, for people to read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist

from accounts.audit.restoring import CannotRestore, target_model
from accounts.models.audit import AuditEvent

NOTHING = "—"
SUMMED_UP = 2
"""How many fields a summary tells of."""


@dataclass(frozen=True, slots=True)
class Line:
    """One field: what it is called, and what it was and is, as texts. A side that is not there is a dash."""

    name: str
    before: str
    after: str
    changed: bool


def lines(event: AuditEvent) -> list[Line]:
    """Returns every field of the event, in the order in which the model names them. What is secret the log has not."""
    before: Mapping[str, Any] = event.before or {}
    after: Mapping[str, Any] = event.after or {}
    changed = set(event.changed())
    names = list(dict.fromkeys([*before, *after]))
    return [Line(called(event, name), told(before.get(name)), told(after.get(name)), name in changed) for name in names]


def summary(event: AuditEvent) -> str:
    """Returns what an update changed, in one line; empty for what was made or ended, whose type says it all."""
    if event.before is None or event.after is None:
        return ""
    changed = [line for line in lines(event) if line.changed]
    parts = [f"{line.name}: {line.before} → {line.after}" for line in changed[:SUMMED_UP]]
    more = len(changed) - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def called(event: AuditEvent, name: str) -> str:
    """Returns what the model calls a field, or its name where there is no such model or field now."""
    try:
        field: Any = target_model(event).audit_options().get_field(name)
    except (CannotRestore, FieldDoesNotExist):
        return name
    return str(field.verbose_name)


def told(value: Any) -> str:
    """Returns a recorded value as a text: one line for each item of a list; objects are JSON."""
    if value is None or value == "" or value == []:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(told(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
