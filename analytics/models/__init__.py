"""What analytics keeps."""

from analytics.models.erasures import Erasure
from analytics.models.events import Event, EventCount, EventOutcome, EventQuota, RejectedEvent
from analytics.models.experiments import Experiment
from analytics.models.exposures import RawExposure
from analytics.models.guards import RolloutGuard
from analytics.models.names import EventName
from analytics.models.policies import AnalyticsPolicy
from analytics.models.pruned import Pruned
from analytics.models.rollups import Dimension, RecordsKept, UsageRollup, Width
from analytics.models.salts import IdentitySalt
from analytics.models.turn_backs import TurnBack
from analytics.models.usage import Refused, UsageRecord
from analytics.models.visits import Visit, VisitsMark, VisitTrail

__all__ = [
    "AnalyticsPolicy",
    "Dimension",
    "Erasure",
    "Event",
    "EventCount",
    "EventName",
    "EventOutcome",
    "EventQuota",
    "Experiment",
    "IdentitySalt",
    "Pruned",
    "RawExposure",
    "RecordsKept",
    "Refused",
    "RejectedEvent",
    "RolloutGuard",
    "TurnBack",
    "UsageRecord",
    "UsageRollup",
    "Visit",
    "VisitTrail",
    "VisitsMark",
    "Width",
]
