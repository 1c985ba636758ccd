"""How far a long command has come, for people who watch it."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from django.core.management.base import OutputWrapper

T = TypeVar("T")
WIDTH = 30


def tracked(items: Sequence[T], out: OutputWrapper, *, shown: bool = True) -> Iterator[T]:
    """Yields `items`, and draws on a terminal how many of them are done; elsewhere, or where it is not to be `shown`,
    nothing."""
    drawn = shown and out.isatty()
    for done, item in enumerate(items, 1):
        yield item
        if drawn:
            filled = WIDTH * done // len(items)
            end = "\n" if done == len(items) else ""
            out.write(f"\r[{'#' * filled}{' ' * (WIDTH - filled)}] {done}/{len(items)}", ending=end)
            out.flush()
