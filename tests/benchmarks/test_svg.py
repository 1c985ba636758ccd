"""The plots of the benchmarks."""

import re
from xml.etree import ElementTree

import pytest

from benchmarks import svg

NAMESPACE = {"s": "http://www.w3.org/2000/svg"}


def test_bars_are_as_long_as_their_values_and_texts_are_escaped() -> None:
    drawn = svg.picture(svg.bars("A & B", {"<one>": 100, "two": 25, "none": 0}, highlight="two"))
    root = ElementTree.fromstring(drawn)
    bars = root.findall(".//s:rect", NAMESPACE)
    lengths = [float(bar.attrib["width"]) for bar in bars]

    assert lengths[1] == pytest.approx(lengths[0] / 4)
    assert lengths[2] == 0
    assert [bar.attrib["fill"] == svg.COLOURS[0] for bar in bars] == [False, True, False]
    said = [text.text for text in root.findall(".//s:text", NAMESPACE)]
    assert said == ["A & B", "<one>", "100", "two", "25", "none", "0"]


def test_lines_rise_from_the_bottom_and_marks_stand_where_they_belong() -> None:
    series = {"a": [(0.0, 0.0), (5.0, 50.0), (10.0, 100.0)], "b": [(10.0, 50.0)]}
    drawn = svg.picture(svg.lines("t", "seconds", series, {"half": 5.0}, 10.0))
    root = ElementTree.fromstring(drawn)
    paths = [path.attrib["d"] for path in root.findall(".//s:path", NAMESPACE)]
    points = [[tuple(map(float, point.split())) for point in re.split("[ML]", path)[1:]] for path in paths]
    mark = next(line for line in root.findall(".//s:line", NAMESPACE) if line.attrib["class"] == "mark")

    bottom, top = svg.TOP + svg.PLOT, svg.TOP
    assert [y for _, y in points[0]] == [bottom, (bottom + top) / 2, top]
    assert points[0][1][0] == float(mark.attrib["x1"])
    assert points[1] == [(points[0][2][0], (bottom + top) / 2)]


def test_names_of_marks_do_not_cover_each_other() -> None:
    drawn = svg.picture(svg.lines("t", "seconds", {"a": [(0.0, 1.0)]}, {"first": 5.0, "second": 5.1}, 10.0))
    texts = ElementTree.fromstring(drawn).findall(".//s:text", NAMESPACE)
    first, second = (float(text.attrib["y"]) for text in texts if text.text in ("first", "second"))
    assert first - second >= 13


def test_charts_stand_below_each_other() -> None:
    charts = svg.bars("a", {"x": 1}), svg.bars("b", {"x": 1, "y": 2})
    root = ElementTree.fromstring(svg.picture(*charts))

    moved = [group.attrib["transform"] for group in root.findall("s:g", NAMESPACE)]
    assert moved == ["translate(0 0)", f"translate(0 {charts[0].height})"]
    assert root.attrib["viewBox"].endswith(str(charts[0].height + charts[1].height))


@pytest.mark.parametrize(
    ("top", "wanted"),
    [
        (100, [0, 20, 40, 60, 80, 100]),
        (7, [0, 2, 4, 6, 8]),
        (0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (31, [0, 10, 20, 30, 40]),
    ],
)
def test_ticks_are_round_and_reach_the_top(top: float, wanted: list[float]) -> None:
    assert svg.ticks(top) == pytest.approx(wanted)


@pytest.mark.parametrize(("value", "wanted"), [(12345.6, "12,346"), (0.4567, "0.457"), (12.0, "12"), (0, "0")])
def test_figures_have_the_digits_that_count(value: float, wanted: str) -> None:
    assert svg.figure(value) == wanted
