"""Numbers between bounds, and formats, as grammars: nothing outside gets in, and integers inside are all there."""

import datetime
import ipaddress
import random
import re
import uuid

import pytest

from api.engines.llama_numerals import FORMATS, LARGEST, LARGEST_DECIMAL, NoNumber, integer, number
from tests.api.gbnf import Grammar

CHANCE = 20_240_601


def samples(expression: str, count: int = 200) -> list[str]:
    grammar, chance = Grammar(f"root ::= {expression}"), random.Random(CHANCE)
    return [grammar.sample(chance) for _ in range(count)]


def pattern(expression: str) -> re.Pattern[str]:
    """The expression as a regular expression: with blanks gone and literals quoted, the two forms agree."""
    parts = re.findall(r'"((?:\\.|[^"\\])*)"|(\[[^\]]*\])|([^\s"])', expression)
    return re.compile("".join(re.escape(text) if text else others or sign for text, others, sign in parts))


@pytest.mark.parametrize("low", [-123, -100, -99, -10, -1, 0, 1, 7, 10, 19, 98, 100, 123])
@pytest.mark.parametrize("width", [0, 1, 2, 9, 10, 11, 57, 100, 246])
def test_exactly_the_integers_within_the_bounds_can_be_written(low: int, width: int) -> None:
    allowed = pattern(integer(low, low + width))
    written = [value for value in range(-400, 500) if allowed.fullmatch(str(value))]
    assert written == list(range(low, low + width + 1))


@pytest.mark.parametrize(
    ("low", "high"), [(5, None), (None, 5), (None, -5), (999, None), (0, None), (0.5, 3.5), (10**14 - 7, 10**15)]
)
def test_open_and_broken_bounds_hold_as_well(low: float | None, high: float | None) -> None:
    for text in samples(integer(low, high)):
        assert (-LARGEST if low is None else low) <= int(text) <= (LARGEST if high is None else high)


def test_an_unbounded_integer_has_up_to_fifteen_digits() -> None:
    texts = samples(integer(None, None))
    assert all(abs(int(text)) <= LARGEST for text in texts)
    assert any(text.startswith("-") for text in texts)


@pytest.mark.parametrize("low", [-12, -1, 0, 1, 9, None])
@pytest.mark.parametrize("high", [-11, 0, 1, 2, 13, 100, None])
@pytest.mark.parametrize("without_low", [False, True])
@pytest.mark.parametrize("without_high", [False, True])
def test_decimals_stay_within_their_bounds(
    low: float | None, high: float | None, without_low: bool, without_high: bool
) -> None:
    if low is not None and high is not None and (low > high or (low == high and (without_low or without_high))):
        with pytest.raises(NoNumber):
            number(low, high, without_low=without_low, without_high=without_high)
        return
    for text in samples(number(low, high, without_low=without_low, without_high=without_high), 60):
        value = float(text)
        assert low is None or (value > low if without_low else value >= low)
        assert high is None or (value < high if without_high else value <= high)


def test_between_two_integers_there_are_decimals() -> None:
    texts = samples(number(0, 1))
    assert any("." in text for text in texts)
    assert {"0", "1"} <= set(texts)
    assert all(0 < float(text) < 1 for text in samples(number(0, 1, without_low=True, without_high=True)))


def test_bounds_that_are_no_integers_narrow_to_the_integers_within() -> None:
    assert all(1 <= float(text) <= 3 for text in samples(number(0.5, 3.5, without_low=True, without_high=True)))


def test_an_unbounded_decimal_is_any() -> None:
    assert len({float(text) for text in samples(number(None, None))}) > 100


@pytest.mark.parametrize(("low", "high"), [(3, 2), (0.2, 0.8), (LARGEST + 1, None)])
def test_where_no_integer_lies_there_is_no_grammar(low: float, high: float | None) -> None:
    with pytest.raises(NoNumber):
        integer(low, high)


def test_where_no_decimal_lies_there_is_no_grammar() -> None:
    with pytest.raises(NoNumber):
        number(2, 2, without_low=True)
    with pytest.raises(NoNumber):
        number(-2, -2, without_high=True)
    with pytest.raises(NoNumber):
        number(LARGEST_DECIMAL + 1, None)


READERS = {
    "date": datetime.date.fromisoformat,
    "time": lambda text: datetime.time.fromisoformat(re.sub(r"\.\d+", "", text)),
    "date-time": lambda text: datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", text)),
    "duration": re.compile(r"P(\d+[YMWD]|T\d+[HMS])").fullmatch,
    "email": re.compile(r"[\w+.-]+@([a-z0-9-]+\.)+[a-z]{2,}").fullmatch,
    "hostname": re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*").fullmatch,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "uuid": uuid.UUID,
}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_a_format_lets_through_is_of_the_format(name: str) -> None:
    for text in samples(FORMATS[name]):
        assert READERS[name](text) is not None
