"""Charts as SVG: what is drawn is what the numbers say."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import analytics
from analytics.dashboard import writing
from analytics.dashboard.charts import DOWN, LEFT, NARROW, RIGHT, TOP, Chart, Series
from analytics.dashboard.periods import period_of

NOW = datetime(2026, 11, 29, 14, 35, tzinfo=UTC)
PERIOD = period_of({"from": "2026-11-29T10:00", "to": "2026-11-29T10:04"}, NOW)
FOOT = TOP + DOWN
STEP = (NARROW - LEFT - RIGHT) / 4


def chart(kind: str, *values: list[float | None], now: datetime = NOW) -> Chart:
    series = [Series(f"s{number}", "blue", each) for number, each in enumerate(values)]
    return Chart(
        "key", "Title", kind, series, PERIOD, now, writing.count, writing.short_count, "Nothing.", "Empty.", whole=True  # type: ignore[arg-type]
    )  # fmt: skip


def columns(path: str) -> list[tuple[float, float, float]]:
    """The left end, the upper end and the height of each part."""
    return [
        (float(x), float(y), float(height)) for x, y, height in re.findall(r"M([\d.]+) ([\d.]+)h[\d.]+v([\d.]+)", path)
    ]


def test_columns_stand_on_each_other_and_are_as_high_as_their_values() -> None:
    drawn = chart("bars", [4, 0, 1, 0], [2, 2, 0, 0])
    assert drawn.levels == [0, 2, 4, 6]
    first, second = (columns(parts.path) for parts in drawn.bars())
    assert [round((x - LEFT) / STEP - 0.1) for x, _, _ in first] == [0, 2]
    assert [round((x - LEFT) / STEP - 0.1) for x, _, _ in second] == [0, 1]
    for (_, y, height), (value, below) in zip([*first, *second], [(4, 0), (1, 0), (2, 4), (2, 0)], strict=True):
        assert y + height == pytest.approx(FOOT - below * DOWN / 6, abs=0.02)
        assert height == pytest.approx(value * DOWN / 6 - 1, abs=0.02)


def test_what_is_hardly_anything_is_seen_still() -> None:
    drawn = chart("bars", [100_000, 1, 0, 0])
    (_, (_, y, height)) = columns(drawn.bars()[0].path)
    assert height == 0.75
    assert y + height == pytest.approx(FOOT, abs=0.01)


def test_lines_break_where_there_is_nothing_and_a_value_alone_is_a_dot() -> None:
    line, other = chart("lines", [0, 8, None, 8], [None, 4, None, None]).lines()
    xs = [LEFT + (place + 0.5) * STEP for place in range(4)]
    assert line.path == f"M{xs[0]:g} {FOOT:.1f}L{xs[1]:g} {TOP:.1f} M{xs[3]:g} {TOP:.1f}".replace("L", " L")
    assert line.dots == ((xs[3], TOP),)
    assert other.dots == ((xs[1], TOP + DOWN / 2),)
    assert (line.dashes, other.dashes) == ("solid", "dashed")


def test_a_line_of_nothing_is_drawn_where_it_is_a_value_and_a_column_of_nothing_is_none() -> None:
    assert chart("lines", [0, None, None, None]).drawn
    assert not chart("lines", [None] * 4).drawn
    assert not chart("bars", [0, 0, 0, 0]).drawn
    assert chart("bars", [0, 1, 0, 0]).drawn


def test_marks_stand_where_their_values_are() -> None:
    drawn = chart("bars", [4, 0, 1, 0])
    assert [(mark.at, mark.text) for mark in drawn.rows_of_marks()][:2] == [(FOOT, "0"), (FOOT - DOWN / 4, "1")]
    assert [mark.text for mark in drawn.marks_of_time()] == ["10:00", "10:01", "10:02", "10:03"]
    assert drawn.marks_of_time()[0].at == pytest.approx(LEFT + STEP / 2)


def test_each_bucket_tells_its_numbers_and_that_it_is_not_over() -> None:
    drawn = chart("lines", [1000, 2, None, 4], now=PERIOD.end - timedelta(seconds=1))
    assert [spot.told for spot in drawn.spots()] == [
        "2026-11-29 10:00\ns0: 1,000",
        "2026-11-29 10:01\ns0: 2",
        "2026-11-29 10:02\ns0: –",
        "2026-11-29 10:03 (not over yet)\ns0: 4",
    ]
    assert drawn.table()[0] == ("2026-11-29 10:03 (not over yet)", ["4"])
    assert drawn.table()[-1] == ("2026-11-29 10:00", ["1,000"])
    assert drawn.told == "By minute, from 2026-11-29 10:00 to 2026-11-29 10:04 UTC. Nothing."


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("theme", "ground"), [("", "#ffffff"), (".dark ", "#101828")])
def test_every_colour_is_seen_on_its_ground(theme: str, ground: str) -> None:
    css = (Path(analytics.__file__).parent / "static/analytics/dashboard.css").read_text()
    tones = re.findall(rf"^{re.escape(theme)}\.lukhas-tone-\w+ {{ --lukhas-tone: (#\w{{6}}); }}", css, re.MULTILINE)
    assert len(tones) == 7
    for tone in tones:
        lighter, darker = sorted((luminance(tone), luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, tone
