"""How numbers are written: whole in tables, short on axes and tiles. Pure. All take what the roll-ups hold."""

from collections.abc import Callable

MICRO = 1_000_000
LARGE = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))
NOTHING = "–"
"""Where there is no number."""

Write = Callable[[float], str]


def trimmed(value: float, digits: int) -> str:
    """With at most so many digits after the point, and no zeros at its end."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def short_count(value: float) -> str:
    """Three digits that count, and what they are multiplied by."""
    for size, letter in LARGE:
        if value >= size:
            return _three_digits(value / size) + letter
    return trimmed(value, 1)


def dollars(micro: float) -> str:
    """Micro-dollars, so that what costs anything is not nothing."""
    value = micro / MICRO
    return f"${value:,.2f}" if value >= 1 or not value else f"${value:,.4f}" if value >= 0.01 else f"${value:,.6f}"


def short_dollars(micro: float) -> str:
    value = micro / MICRO
    if value >= 1000:
        return f"${short_count(value)}"
    return f"${trimmed(value, 6)}" if value < 0.01 else f"${value:,.2f}"


def marked_dollars(micro: float) -> str:
    """As short as the marks of an axis can be without two being the same."""
    value = micro / MICRO
    if value >= 1 or not value:
        return short_dollars(micro)
    return f"${value:.2f}" if micro % 10_000 == 0 else f"${trimmed(value, 6)}"


def took(us: float) -> str:
    """Microseconds, in the unit that suits them. Percentiles are known within 5 %, so three digits say enough."""
    if us < 1000:
        return f"{us:.0f} µs" if us else "0 s"
    if us < MICRO:
        return f"{_three_digits(us / 1000)} ms"
    return f"{_three_digits(us / MICRO)} s"


def percent(share: float) -> str:
    """A share of 1. What is more than none is not written as none."""
    value = share * 100
    if 0 < value < 0.01:
        return "< 0.01 %"
    return f"{value:.{1 if value >= 1 or not value else 2}f} %"


def short_percent(share: float) -> str:
    return f"{trimmed(share * 100, 6)} %"


def change(now: float, before: float) -> str:
    """By how much more or less it is than before; nothing where there was none before."""
    return signed(now / before - 1) if before else ""


def signed(share: float, *, unit: str = " %", digits: int = 1) -> str:
    """A change, as a share of 1, with its sign."""
    return f"{share * 100:+,.{digits}f}{unit}".replace("-", "−")


def or_nothing(write: Write, value: float | None) -> str:
    return NOTHING if value is None else write(value)


def _three_digits(value: float) -> str:
    return trimmed(value, 2 if value < 9.995 else 1 if value < 99.95 else 0)
