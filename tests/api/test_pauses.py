"""How long it takes until a server is asked again."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from api import pauses


@pytest.mark.parametrize(("times", "most"), [(0, 0.2), (1, 0.4), (2, 0.8), (5, 4.0), (60, 4.0)])
def test_each_pause_is_anything_up_to_twice_as_long_as_the_one_before(times: int, most: float) -> None:
    drawn = [pauses.jittered(times) for _ in range(200)]
    assert 0 <= min(drawn) < most / 4
    assert most * 3 / 4 < max(drawn) <= most


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "6500"}, 6.5),
        ({"retry-after": "7", "retry-after-ms": "soon"}, 7.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "in a while"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_what_a_server_asks_for_is_read_in_every_form_and_nonsense_is_nothing(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert pauses.told(headers) == seconds


def test_a_date_is_a_time_from_now() -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    told = pauses.told({"retry-after": format_datetime(at, usegmt=True)})
    assert told is not None
    assert told == pytest.approx(at.timestamp() - time.time(), abs=30)
