"""What other apps demand of flags: they say so when they start, and features asks them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from features.demands import Demands
from features.models import Flag, FlagState, ruling
from features.problems import Problem
from tests.features.conftest import MakeFlag


def no_bad_names(rows: Sequence[Any]) -> Iterator[tuple[Any, Problem]]:
    for row in rows:
        if isinstance(row, Flag) and row.key.startswith("bad"):
            yield row, Problem(("key",), "is a bad name")


@pytest.fixture
def demands(monkeypatch: pytest.MonkeyPatch) -> Demands:
    """Another app's, made twice."""
    demands = Demands()
    demands.make(no_bad_names)
    demands.make(no_bad_names)
    monkeypatch.setattr(ruling, "demands", demands)
    return demands


def test_a_row_that_another_app_has_something_against_is_not_saved(demands: Demands, make_flag: MakeFlag) -> None:
    make_flag("good")
    with pytest.raises(ValidationError) as caught:
        make_flag("bad-idea")
    assert caught.value.message_dict == {"key": ["key: is a bad name"]}
    with pytest.raises(ValidationError):
        Flag.objects.update(key="bad-too")
    assert list(Flag.objects.values_list("key", flat=True)) == ["good"]


def test_rows_that_are_made_or_changed_together_are_asked_about_together(demands: Demands, make_flag: MakeFlag) -> None:
    asked: list[int] = []

    def count(rows: Sequence[Any]) -> Iterator[tuple[Any, Problem]]:
        asked.append(len(rows))
        return iter(())

    flags = [make_flag(key) for key in ("a", "b", "c")]
    demands.make(count)
    Flag.objects.update(description="all of them")
    FlagState.objects.filter(flag__in=flags[:2]).update(enabled=False)
    assert asked == [3, 2]
