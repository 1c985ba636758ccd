"""The colours of the pages of charts, as WCAG 2.2 measures contrast: 4.5 to 1 for text, 3 to 1 for what is drawn and
for the mark of the focus, in the light and in the dark. The sheet of styles is read as it is served."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from unfold.settings import get_config

import analytics

SHEET = (Path(analytics.__file__).parent / "static/analytics/dashboard.css").read_text()
PAGES = {"light": ("white", "var(--color-base-50)"), "dark": ("var(--color-base-900)",)}
"""What the pages are painted with."""
TEXT, DRAWN = 4.5, 3.0
OF = {"color": TEXT, "fill": TEXT, "outline": DRAWN, "--lukhas-tone": DRAWN}
"""Which contrast each property must have."""
Rgb = tuple[float, float, float]


def rules() -> dict[str, dict[str, str]]:
    """By selector: what the sheet says of it."""
    found: dict[str, dict[str, str]] = {}
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", SHEET, flags=re.DOTALL)):
        told = dict(re.findall(r"([\w-]+):\s*([^;]+);", body))
        for selector in selectors.split(","):
            found.setdefault(" ".join(selector.split()), {}).update(told)
    return found


RULES = rules()


def linear(colour: str) -> Rgb:
    """A colour as the sheet writes it, as linear light of sRGB."""
    name = re.search(r"var\(--color-(\w+)-(\d+)\)", colour)
    if name is not None:
        return linear(get_config()["COLORS"][name[1]][name[2]])
    if colour == "white":
        return (1.0, 1.0, 1.0)
    if colour.startswith("#"):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
        return red, green, blue
    light, chroma, hue = map(float, re.findall(r"[\d.]+", colour))
    return of_oklch(light / 100, chroma, math.radians(hue))


def of_oklch(light: float, chroma: float, hue: float) -> Rgb:
    """Björn Ottosson's OKLCH as linear light, cut to what a screen shows."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return (min(max(red, 0), 1), min(max(green, 0), 1), min(max(blue, 0), 1))


def contrast(one: str, other: str) -> float:
    """How many to one."""
    light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in map(linear, (one, other))]
    return (max(light) + 0.05) / (min(light) + 0.05)


def cases() -> Iterator[tuple[str, str, str]]:
    """Each rule that gives a colour, with the property, in the light, the dark, or both where it holds in both."""
    for selector, told in RULES.items():
        for name in OF.keys() & told.keys():
            if told[name] in ("transparent", "none", "var(--lukhas-tone)") or "fill-opacity" in told:
                continue  # nothing that has to be told from the page by itself
            if not selector.startswith(".dark "):
                yield selector, name, "light"
            if selector.startswith(".dark ") or name not in RULES.get(f".dark {selector}", {}):
                yield selector, name, "dark"


@pytest.mark.parametrize(("selector", "name", "mode"), sorted(cases()))
def test_what_is_read_and_what_is_drawn_stands_out(selector: str, name: str, mode: str) -> None:
    told = RULES[selector]
    own = told.get("background", "transparent")
    behind = PAGES[mode] if own == "transparent" else (own,)
    for ground in behind:
        assert contrast(told[name], ground) >= OF[name], (told[name], ground)


def test_every_tone_is_there_in_the_light_and_in_the_dark() -> None:
    tones = {selector for selector in RULES if selector.startswith(".lukhas-tone-")}
    assert len(tones) == 7
    assert {f".dark {tone}" for tone in tones} <= RULES.keys()


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "white", 21), ("#777777", "white", 4.48), ("oklch(62.7955% 0.257683 29.234)", "#ff0000", 1)],
)
def test_contrast_is_reckoned_as_wcag_says(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
