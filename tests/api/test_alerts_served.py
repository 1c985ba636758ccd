"""Spend alerts from end to end: calls that cost something, a running server, a mail server, and a webhook."""

from decimal import Decimal

import openai
import pytest

from accounts.alerts.watching import watch
from accounts.bootstrap import ensure_defaults
from accounts.models import SpendNotice
from tests.accounts.alerting import ANN, alert_of, hook, mailbox
from tests.api.commands import run
from tests.mock_upstream import MODEL, MockUpstream
from tests.processes import eventually
from tests.receivers import Hook, Mailbox

__all__ = ["hook", "mailbox"]


@pytest.fixture
def dear(upstream: MockUpstream, database: None) -> MockUpstream:
    """A model of which each call costs nine tenths of a cent."""
    run("add_upstream", "gpu", upstream.url)
    prices = ("--input-price", "1000", "--output-price", "1000", "--cached-input-price", "500")
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", MODEL, *prices)
    return upstream


def test_the_call_that_reaches_a_threshold_has_it_told_once_whatever_is_called_after_it(
    sdk: openai.OpenAI, dear: MockUpstream, mailbox: Mailbox, hook: Hook
) -> None:
    project = ensure_defaults()[1]
    alert_of(project, threshold=Decimal("0.02"), period="day", webhook_url=hook.url)
    watch.keeper.start()  # as the server has at its start, unless a test has ended it since

    def call() -> None:
        sdk.chat.completions.create(model="big", messages=[{"role": "user", "content": "Hi"}], max_tokens=5)

    for _ in range(2):
        call()
    assert SpendNotice.objects.count() == 0
    call()
    eventually(lambda: SpendNotice.objects.exclude(told_at=None).first(), 30, "everybody is told")
    for _ in range(2):
        call()
    watch.round()
    assert mailbox.recipients() == [ANN]
    assert len(hook.posts) == 1
    assert SpendNotice.objects.get().micro == 27_000
