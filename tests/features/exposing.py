"""What tests of exposures share."""

from collections import Counter
from datetime import UTC, datetime

from features.compiling import compile_ruleset
from features.exposures import exposures
from features.loading import Stage
from features.models import ExposureCount
from features.models.exposures import Exposure
from tests.features.flags import ENVIRONMENT, flag

HOUR = datetime(2026, 3, 1, 9, tzinfo=UTC)


def stage(*keys: str, organization: str = "org-tests") -> Stage:
    """Boolean flags that are on in production and answer `off`."""
    return Stage(organization, ENVIRONMENT, b"", compile_ruleset([flag(key=key) for key in keys], [], ENVIRONMENT))


def exposure(flag: str = "dark", variant: str = "on", reason: str = "STATIC", hour: datetime = HOUR) -> Exposure:
    return Exposure("org-tests", ENVIRONMENT, flag, variant, reason, hour)


def written() -> Counter[tuple[str, str, str]]:
    """How often each flag answered with each variant and for each reason, once all that was counted here is written."""
    exposures.flush()
    found: Counter[tuple[str, str, str]] = Counter()
    for key, variant, reason, number in ExposureCount.objects.values_list("flag", "variant", "reason", "number"):
        found[key, variant, reason] += number
    return found
