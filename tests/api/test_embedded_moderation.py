"""The embedded moderation model behind the contract: real weights, long texts, limits; and the interface for others."""

import threading
from typing import Any, cast

import numpy as np
import orjson
import pytest

from api import moderation
from api.backends import registry
from api.backends.base import Call
from api.backends.embedded_moderation import EmbeddedModerationBackend
from api.catalog import Target
from api.engines.moderation import CATEGORIES
from api.exceptions import APIError, Overloaded
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings
from api.serializers.moderations import parse_moderation

TARGET = Target(model="catalog-judge", upstream="m", kind="embedded-moderation", context_window=8192)
THREAT = "I am going to kill you tonight."


@pytest.fixture(scope="module")
def backend() -> EmbeddedModerationBackend:
    """That of the whole process, for loading takes a second."""
    found = cast("EmbeddedModerationBackend", registry.backend("embedded-moderation"))
    found.load()
    assert found.loaded
    return found


async def judge(backend: EmbeddedModerationBackend, given: Any, call: Call | None = None) -> Any:
    request = parse_moderation({"model": "m", "input": given})
    return orjson.loads(await backend.moderate(request, call or Call(TARGET)))


def flagged(result: Any) -> list[str]:
    return [name for name, yes in result["categories"].items() if yes]


async def test_a_threat_is_flagged_and_a_process_may_be_killed(backend: EmbeddedModerationBackend) -> None:
    call = Call(TARGET)
    answer = await judge(backend, [THREAT, "How do I kill a process on Linux?", "  \n ", ""], call)
    assert answer["model"] == "catalog-judge"
    assert answer["id"] == call.response_id
    assert answer["id"].startswith("modr-")
    threat, *others = answer["results"]
    assert threat["flagged"]
    assert {"harassment", "harassment/threatening", "violence"} <= set(flagged(threat))
    for result in others:
        assert not result["flagged"]
        assert flagged(result) == []
    assert set(others[-1]["category_scores"].values()) == {0.0}
    assert call.usage is not None
    assert call.usage.input_tokens == 8 + 9
    assert call.attempts == 1


async def test_every_result_has_every_category_and_says_that_it_is_of_text(backend: EmbeddedModerationBackend) -> None:
    (result,) = (await judge(backend, THREAT))["results"]
    assert set(result) == {"flagged", "categories", "category_scores", "category_applied_input_types"}
    for name in ("categories", "category_scores", "category_applied_input_types"):
        assert tuple(result[name]) == CATEGORIES
    assert all(types == ["text"] for types in result["category_applied_input_types"].values())


async def test_one_sentence_in_a_long_text_is_found(backend: EmbeddedModerationBackend) -> None:
    harmless = "The train to the sea was late, and we had a picnic. " * 40
    clean, planted = (await judge(backend, [harmless, harmless + THREAT + harmless]))["results"]
    assert not clean["flagged"]
    assert "harassment/threatening" in flagged(planted)


async def test_the_parts_of_a_message_are_judged_as_one(backend: EmbeddedModerationBackend) -> None:
    parts = [{"type": "text", "text": "What a nice day."}, {"type": "text", "text": THREAT}]
    (result,) = (await judge(backend, parts))["results"]
    (alone,) = (await judge(backend, THREAT))["results"]
    assert flagged(result) == flagged(alone)


async def test_a_short_text_costs_one_embedding(
    backend: EmbeddedModerationBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[int] = []
    submit = backend.embedder.batcher.submit

    async def counted(items: Any) -> Any:
        run.append(len(items))
        return await submit(items)

    monkeypatch.setattr(backend.embedder.batcher, "submit", counted)
    await judge(backend, THREAT)
    await judge(backend, "word " * 100)
    assert run == [1, 3]


async def test_long_texts_are_cut_off_the_event_loop(
    backend: EmbeddedModerationBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    cut = backend._cut

    def noted(texts: Any, longest: int | None) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return cut(texts, longest)

    monkeypatch.setattr(backend, "_cut", noted)
    await judge(backend, THREAT)
    await judge(backend, " " * 5000)
    assert threads == [True, False]


async def test_an_image_is_refused_where_it_stands_and_nothing_is_asked(backend: EmbeddedModerationBackend) -> None:
    call = Call(TARGET)
    image = {"type": "image_url", "image_url": {"url": "https://example.com/image.png"}}
    with pytest.raises(APIError, match="'image_url' is not supported with this model") as caught:
        await judge(backend, [{"type": "text", "text": "Hi"}, image], call)
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "input[1].type")
    assert call.attempts == 0


@pytest.mark.parametrize(
    ("given", "window", "message", "code"),
    [
        ("cat " * 9000, 8192, "maximum context length is 8192 tokens, however you requested 9000 tokens", None),
        ("cat " * 200_000, None, "maximum context length is 8192 tokens, however you requested at least", None),
        ("cat " * 20, 19, "maximum context length is 19 tokens, however you requested 20 tokens", None),
        (["cat " * 8000] * 40, 8192, "Requested at least [0-9]+ tokens, max 300000", "max_tokens_per_request"),
    ],
)
async def test_what_is_over_the_limits_is_refused(
    backend: EmbeddedModerationBackend, given: Any, window: int | None, message: str, code: str | None
) -> None:
    call = Call(Target(model="judge", upstream="m", kind="embedded-moderation", context_window=window))
    with pytest.raises(APIError, match=message) as caught:
        await judge(backend, given, call)
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (400, code, None)


async def test_an_unknown_parameter_is_refused(backend: EmbeddedModerationBackend) -> None:
    request = parse_moderation({"model": "m", "input": "Hi", "user": "u"})
    with pytest.raises(APIError) as caught:
        await backend.moderate(request, Call(TARGET))
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", "user")


async def test_it_does_nothing_else(backend: EmbeddedModerationBackend) -> None:
    assert backend.fingerprint(Call(TARGET)) == "fp_minilm"
    # As an upstream's model might be, were it put down in the catalog as one that does more.
    chat = parse_chat({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    with pytest.raises(APIError) as caught:
        backend.chat_deltas(chat, Call(TARGET))
    assert (caught.value.status_code, caught.value.code) == (400, "unsupported_parameter")
    with pytest.raises(APIError):
        backend.completion_deltas(parse_completion({"model": "m"}), Call(TARGET))
    with pytest.raises(APIError):
        await backend.vectors(parse_embeddings({"model": "m", "input": "a"}), Call(TARGET))


@pytest.mark.parametrize("kind", ["embedded-chat", "embedded-embeddings"])
async def test_models_that_do_not_moderate_say_so(kind: str) -> None:
    with pytest.raises(APIError, match="does not moderate") as caught:
        await registry.backend(kind).moderate(parse_moderation({"model": "m", "input": "Hi"}), Call(TARGET))
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (400, "unsupported_value", "model")


class Idle:
    """A classifier that is loaded when it is first needed."""

    def __init__(self) -> None:
        self.loaded = False

    def load(self) -> None:
        self.loaded = True

    def scores(self, cut: Any, rows: Any) -> dict[str, float]:
        return {"hate": float(len(rows))}


async def test_the_first_request_loads_what_it_needs(
    backend: EmbeddedModerationBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = Idle()
    monkeypatch.setattr(backend, "classifier", idle)
    assert (await backend.judge(["one two"])).scores == [{"hate": 1.0}]
    assert idle.loaded


class TestScores:
    """The interface for others in this process."""

    async def test_texts_are_scored_in_their_order_by_the_categories(self, backend: EmbeddedModerationBackend) -> None:
        threat, harmless = await moderation.scores([THREAT, "What a nice day."])
        assert tuple(threat) == moderation.CATEGORIES == CATEGORIES
        assert threat["violence"] >= moderation.FLAGGED["violence"]
        assert max(harmless.values()) < 0.5
        assert await moderation.scores([]) == []

    async def test_a_text_may_be_longer_than_the_endpoint_allows(
        self, backend: EmbeddedModerationBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[int] = []

        async def quick(items: Any) -> Any:
            seen.append(sum(map(len, items)))
            return [np.zeros(384, dtype=np.float32)] * len(items)

        monkeypatch.setattr(backend.embedder.batcher, "submit", quick)
        (scores,) = await moderation.scores(["cat " * 20_000])
        assert seen == [20_000]
        assert not any(score >= 0.5 for score in scores.values())
        with pytest.raises(APIError) as caught:
            await moderation.scores(["cat " * 310_000])
        assert caught.value.code == "max_tokens_per_request"

    async def test_a_full_queue_is_told(
        self, backend: EmbeddedModerationBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def full(items: Any) -> None:
            raise Overloaded(retry_after=3)

        monkeypatch.setattr(backend.embedder.batcher, "submit", full)
        with pytest.raises(Overloaded):
            await moderation.scores(["Hi"])
