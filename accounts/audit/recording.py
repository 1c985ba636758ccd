"""The way into the audit log. Audited models come here by themselves; other code calls `record`."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from accounts.audit.chain import append
from accounts.audit.context import current, reason
from accounts.audit.snapshots import Json, State, identity, plain
from accounts.models.audit import SERVER

CONCEALED = "(not shown)"
CHANGED = "(changed)"
MAX_NAME = 254


def record(
    type: str,
    *,
    target_type: str,
    target_id: str,
    target_name: str = "",
    before: Json | None = None,
    after: Json | None = None,
    organizations: Iterable[str] = (SERVER,),
    project: tuple[str, str] = ("", ""),
) -> None:
    """Writes down one change, in the chain of each organisation that it concerns (by public id), or else in the
    server's. Call it in the transaction of the change.

    `type` is `noun.verb`; `before` and `after` are what is worth comparing, and hold no secret; `project` is the
    public id and the name. Who did it is known from the context.
    """
    context = current()
    fields: dict[str, Any] = {
        "type": type,
        "source": context.source,
        "actor_kind": context.actor.kind,
        "actor_id": context.actor.id[:MAX_NAME],
        "actor_name": context.actor.name[:MAX_NAME],
        "key_id": context.actor.key_id,
        "address": context.address[:64],
        "user_agent": context.user_agent,
        "request_id": context.request_id,
        "target_type": target_type,
        "target_id": target_id[:MAX_NAME],
        "target_name": target_name[:MAX_NAME],
        "project_id": project[0],
        "project_name": project[1],
        "before": plain(before),
        "after": plain(after),
    }
    with transaction.atomic():
        # Always in the same order, so that two changes cannot wait for each other's chain.
        for organization in sorted(set(organizations)) or [SERVER]:
            append(organization, **fields)


def record_change(before: State | None, after: State | None) -> None:
    """Writes down that a row became `after`, with the `reason` if one was given, and lets the row do what has to
    follow; nothing where nothing that is audited changed. None is no row."""
    state = after or before
    if state is None or (before and after and before.shown == after.shown and before.secret == after.secret):
        return
    row: Any = state.row
    shown = [None if each is None else dict(each.shown) for each in (before, after)]
    if before is not None and after is not None:
        for name in row.audit_secrets:
            if before.secret[name] != after.secret[name]:
                shown[0], shown[1] = {**(shown[0] or {}), name: CONCEALED}, {**(shown[1] or {}), name: CHANGED}
    if shown[1] is not None and (why := reason()):
        shown[1] = {**shown[1], "reason": why}
    record(
        row.audit_type(shown[0], shown[1]),
        target_type=row.audit_options().label_lower,
        target_id=identity(row),
        target_name=row.audit_name(),
        before=shown[0],
        after=shown[1],
        organizations=row.audited_in(),
        project=row.audited_project(),
    )
    row.follow_change(before, after)
