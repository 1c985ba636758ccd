"""docs/alerts.md: its receiver verifies what this server really posts."""

import re
import time
from typing import Any

from accounts.alerts import webhooks
from accounts.alerts.signing import secret_of
from accounts.models import Project, SpendNotice
from tests.accounts.alerting import alert_of, hook, nobody_else_watches, today
from tests.processes import ROOT
from tests.receivers import Hook

__all__ = ["hook", "nobody_else_watches"]


def test_the_receiver_of_the_page_verifies_what_is_posted(
    project: Project, hook: Hook, nobody_else_watches: None
) -> None:
    source = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE | re.DOTALL)
    page: dict[str, Any] = {}
    exec("\n".join(source), page)
    verified = page["verified"]
    alert = alert_of(project, webhook_url=hook.url)
    former = secret_of(alert)
    alert.exchange_secret()
    SpendNotice.objects.open(alert, "month", today(), 10_000_000)
    webhooks.post(SpendNotice.objects.get(), hook.url)
    _, headers, body = hook.posts[0]
    assert verified(secret_of(alert), headers, body)
    assert verified(former, headers, body)
    assert not verified(secret_of(alert_of(project)), headers, body)
    assert not verified(secret_of(alert), headers, body[:-1] + b" ")
    assert not verified(secret_of(alert), headers, body, now=time.time() + 301)
