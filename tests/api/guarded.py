"""Policies for tests."""

from typing import Any

from accounts.bootstrap import ensure_defaults
from api.guardian.recording import vetoes
from api.models import Policy, Veto

SECRET = "zanzibar"
"""What policies of tests look for, and what must be nowhere to be found afterwards."""


def policy(**fields: Any) -> Policy:
    """A policy of the default project that refuses whatever holds SECRET, in small letters or capitals."""
    if "organization" not in fields:
        fields.setdefault("project", ensure_defaults()[1])
    if "max_tokens" in fields:
        fields.setdefault("kind", "max_tokens")
    if fields.get("kind", "pattern") == "pattern":
        fields.setdefault("pattern", f"(?i){SECRET}")
    number = Policy.objects.count() + 1
    row = Policy(**{"name": f"policy {number}", "mode": "enforce", "reason_code": f"reason_{number}", **fields})
    row.full_clean()
    row.save()
    return row


def written() -> list[Veto]:
    """The veto log, once everything that waits is in it."""
    vetoes.flush()
    return list(Veto.objects.order_by("pk"))
