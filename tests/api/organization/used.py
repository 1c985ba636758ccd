"""Usage of an organisation, for tests: records of requests that its key made on some day."""

from itertools import count
from typing import Any

from analytics.records import Record
from tests.analytics.recorded import GOOD
from tests.api.organization.conftest import World

DAY = 1_764_374_400
"""The beginning of a day of UTC, in seconds since 1970: that of 29 November 2025."""
_numbers = count()


def used(world: World, second: int = 0, **fields: Any) -> Record:
    """The record of a request of this organisation's key, so many seconds after DAY."""
    mine = {
        "request_id": f"req_used_{next(_numbers)}",
        "organization_id": world.organization.public_id,
        "project_id": world.project.public_id,
        "key_id": world.key.public_id,
        "user_id": world.account.public_id,
        "at": (DAY + second) * 1_000_000,
    }
    return GOOD._replace(**{**mine, **fields})
