"""Moments, as the wire has them: whole seconds since 1970."""

from datetime import datetime
from typing import overload


@overload
def seconds(moment: datetime) -> int: ...
@overload
def seconds(moment: None) -> None: ...
def seconds(moment: datetime | None) -> int | None:
    """None for None."""
    return None if moment is None else int(moment.timestamp())
