"""`python -m tests.badge`: writes docs/coverage.svg from the coverage data of the last run.

Arguments go to `coverage report`. The badge is drawn here, so that making it and showing it need no network.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BADGE = ROOT / "docs" / "coverage.svg"

# The lowest percentage of each colour.
COLOURS = ((100, "#2e7d32"), (90, "#8a6d00"), (0, "#b71c1c"))
TOTAL = re.compile(r"\d{1,3}(\.\d+)?")

DRAWING = """\
<svg xmlns="http://www.w3.org/2000/svg" width="114" height="20" role="img" aria-label="coverage: {total}%">
  <title>coverage: {total}%</title>
  <clipPath id="edge"><rect width="114" height="20" rx="3"/></clipPath>
  <g clip-path="url(#edge)">
    <rect width="64" height="20" fill="#444"/>
    <rect x="64" width="50" height="20" fill="{colour}"/>
  </g>
  <g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="32" y="14">coverage</text>
    <text x="89" y="14">{total}%</text>
  </g>
</svg>
"""


def drawn(total: str) -> str:
    """The badge for a percentage as coverage prints it. Raises ValueError for anything else."""
    if not TOTAL.fullmatch(total) or float(total) > 100:
        raise ValueError(f"{total!r} is not a percentage.")
    colour = next(colour for least, colour in COLOURS if float(total) >= least)
    return DRAWING.format(total=total, colour=colour)


def main(arguments: list[str]) -> int:
    """Writes the badge; returns 0, or 1 where there is no coverage data."""
    command = [sys.executable, "-m", "coverage", "report", "--format=total", "--fail-under=0", *arguments]
    report = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if report.returncode:
        print(f"No badge: {(report.stdout or report.stderr).strip()}")
        return 1
    total = report.stdout.strip()
    BADGE.write_text(drawn(total))
    print(f"docs/coverage.svg: {total}%")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
