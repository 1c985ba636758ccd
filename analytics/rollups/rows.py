"""Rows of the roll-ups as they are written, and the columns that statements name."""

from datetime import datetime, timedelta
from typing import Any

from analytics.records import EPOCH
from analytics.rollups.dimensions import FIELDS
from analytics.rollups.gathering import HISTOGRAMS, NUMBERS

DimensionRow = tuple[Any, ...]
"""The id and the names of a dimension."""
Row = tuple[Any, ...]
"""The dimension's id, the width, the start as a moment, and the values of `analytics.rollups.gathering.Sums`."""

KEY = ("dimension_id", "width", "start")
DIMENSION_COLUMNS = ("id", *FIELDS)
COLUMNS = (*KEY, *NUMBERS, *HISTOGRAMS)


def moment_of(seconds: int) -> datetime:
    """Seconds since 1970, as Django takes them."""
    return EPOCH + timedelta(seconds=seconds)
