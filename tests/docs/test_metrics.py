"""docs/metrics.md tells of every metric, and of no other."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from api import metrics as inference
from lukhas_site.http import metrics as http
from lukhas_site.metrics import gauges

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(lukhas_\w+)` \| (.*?) \|", re.MULTILINE)
MODULES = (http, inference, gauges)


def test_every_metric_has_its_row_with_its_labels() -> None:
    told = {}
    for module in MODULES:
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                name = metric._name + ("_total" if metric._type == "counter" else "")
                told[name] = set(metric._labelnames)
    rows = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(PAGE.read_text())}
    assert rows == told
