"""What of this app's rows goes when it is old: see `analytics.retention`."""

from analytics import retention
from api.models import Veto

VETOES = retention.Table("vetoes", Veto, "project_id", "at", raw=True)


def tell() -> None:
    """Has vetoes pruned with the rest; telling twice is telling once."""
    retention.add(VETOES)
