"""What is on record of a request that a rollout sent to a model which cannot be asked."""

import pytest

from analytics import records, usage
from api import unreached
from api.catalog import Target
from api.requests import EmbeddingRequest, Rollout
from lukhas_site.http import exchange as exchanges
from tests.api.rollouts import somebody


def test_where_it_cannot_be_written_down_it_is_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    owed: list[bytes] = []
    monkeypatch.setattr(usage.journal, "append", lambda line: False)
    monkeypatch.setattr(usage.journal, "owe", owed.append)
    exchange = exchanges.begin("POST", "/v1/embeddings")
    request = EmbeddingRequest(model="vectors", inputs=("a",), body={})
    target, rollout = Target("next", "gpu", "openai"), Rollout("models", "next", "SPLIT")
    unreached.record(request, somebody(), exchange, target, rollout, "/v1/embeddings", 1, ("python", "3"))
    record = records.decode(owed[0].rstrip())
    assert (record.model_asked, record.model, record.upstream, record.attempts) == ("vectors", "next", "gpu", 0)
    assert (record.flag, record.variant, record.status, record.error_code) == ("models", "next", 503, "upstreams_down")
    assert (record.stream, record.input_tokens, record.cost_micro) == (False, 0, 0)
    assert exchange.recorded
