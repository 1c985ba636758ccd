"""How much of a limit is used, drawn and told."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.limits.gate import DOLLAR

NEAR = 0.8
"""From which share on a limit is drawn as nearly full."""
DRAWN = (
    '<span id="bar-{}"{} class="lukhas-bar lukhas-bar-{}"><progress max="{}" value="{}"></progress> '
    '<span class="whitespace-nowrap">{}</span></span>'
)


@dataclass(frozen=True, slots=True)
class Bar:
    """`key` tells the bars of a page apart. `show` writes an amount, in whichever unit both numbers are."""

    key: object
    used: int
    limit: int
    show: Callable[[int], str]

    @property
    def share(self) -> float:
        """What part is used; at most 1, and of a limit of nothing all."""
        return min(self.used / self.limit, 1.0) if self.limit else 1.0

    @property
    def state(self) -> str:
        return "full" if self.share >= 1 else "near" if self.share >= NEAR else "free"

    def html(self, *, anew: bool = False) -> SafeString:
        """Returns it as HTML; `anew` is one that htmx puts in the place of the one of this key."""
        most = max(self.limit, 1)
        used = most if self.limit == 0 else min(self.used, most)
        told = f"{self.show(self.used)} of {self.show(self.limit)}"
        swap = mark_safe(' hx-swap-oob="true"') if anew else ""
        return format_html(DRAWN, self.key, swap, self.state, most, used, told)


def dollars(micro: int) -> str:
    """Writes micro-dollars, in dollars and cents."""
    return f"${micro / DOLLAR:,.2f}"
