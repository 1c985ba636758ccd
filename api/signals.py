"""What follows from a change of the catalog, or of policies: this process reads them anew. Other processes do within
two seconds."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from api import catalog
from api.guardian.watching import watch
from api.models import Alias, Deployment, Fallback, Model, ModelPermissions, Policy, Upstream


def forget_catalog(using: str, **_: Any) -> None:
    """Receives the signals of the catalog's models; acts once the change is committed."""
    transaction.on_commit(catalog.forget, using=using)


def policies_changed(using: str, **_: Any) -> None:
    """The same of policies."""
    transaction.on_commit(watch.changed, using=using)


def connect() -> None:
    """Connects the receivers; connecting twice is connecting once."""
    for model in (Upstream, Model, Deployment, Fallback, Alias, ModelPermissions):
        for signal in (post_save, post_delete):
            signal.connect(forget_catalog, sender=model, dispatch_uid=f"catalog-{model.__name__}")
    for signal in (post_save, post_delete):
        signal.connect(policies_changed, sender=Policy, dispatch_uid="policies")
