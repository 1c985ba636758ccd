"""How long to wait before a server is asked again: what it says itself, or more with every time, at random."""

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

SHORTEST_SECONDS = 0.2
LONGEST_SECONDS = 4.0

chance = random.SystemRandom()


def jittered(times: int) -> float:
    """Seconds to wait after so many repetitions: anything up to twice as long each time ("full jitter"), so that those
    who failed together do not come back together."""
    return chance.uniform(0, min(LONGEST_SECONDS, SHORTEST_SECONDS * 2**times))


def told(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone (RFC 9110, 10.2.3, and OpenAI's finer header); None where it does
    not, or says nothing that can be read."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    if said is None or (seconds := _number(said)) is not None:
        return None if said is None else seconds
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    """A number that is not negative."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
