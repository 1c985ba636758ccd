"""What a fresh database needs before flags can be made."""

from accounts.bootstrap import ensure_defaults
from features.models import Environment


def ensure_environment() -> Environment:
    """Returns the default organisation's `production`, made if it is missing."""
    organization, _ = ensure_defaults()
    return Environment.objects.production(organization)
