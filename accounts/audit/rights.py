"""Whether a role may restore what an event tells of: it must be able to make that change by hand."""

from typing import Any

from accounts import roles
from accounts.audit.restoring import current_row, target_model
from accounts.exceptions import ScopeMissing
from accounts.models.audit import AuditEvent

ROLES = ("role", "organization_role")
"""Fields that hold a role. Nobody gives or takes away one above their own."""
OWNERS = "organization.owners.update"


def check_restoring(role: str | None, event: AuditEvent) -> None:
    """Raises ScopeMissing unless somebody with this role in the event's organisation may change its target, and
    CannotRestore where it has none. To be called in the transaction that restores."""
    model = target_model(event)
    before: dict[str, Any] = event.before or {}
    needed = model.audit_action(before or event.after or {}, event.changed())
    if not needed or not roles.allowed(role, needed):
        raise ScopeMissing((needed or f"{model.audit_kind}.update",))
    changed = [name for name in ROLES if name in event.changed() and name not in model.audit_withheld]
    row = current_row(event) if changed else None
    held = [side.get(name) for side in (before, {} if row is None else vars(row)) for name in changed]
    if any(one and not roles.may_grant(role, one) for one in held):
        raise ScopeMissing((OWNERS,))
