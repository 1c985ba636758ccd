"""The engine on the real model: what it generates, how it is shared, and how fast it is free again."""

import asyncio
import contextlib
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engines import llama
from api.engines.llama import Generation, LlamaEngine, Piece
from api.engines.llama_decision import THRESHOLD, ToolDecision
from api.engines.llama_server import LlamaFailure
from api.exceptions import Overloaded
from api.requests import Tool
from tests.api.llamas import engine, generated, prompt, text_of, until

STORY = "Tell me a long story about the sea."


@pytest.fixture
def small() -> Iterator[LlamaEngine]:
    """An engine of one slot with a small window, for tests that close it or fill it."""
    model = LlamaEngine(slots=1, context=256, queue=1)
    yield model
    model.close()


async def test_a_question_has_an_answer() -> None:
    pieces = await generated("Name the capital city of France.", 24, temperature=0.0)
    assert "Paris" in text_of(pieces)
    assert pieces[-1].finish_reason in ("stop", "length")
    assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert 0 < pieces[-1].generated <= 24


async def test_a_seed_repeats_the_text_and_another_gives_another() -> None:
    hot = {"temperature": 1.5, "top_p": 1.0}
    first, again, other = [text_of(await generated(STORY, 12, seed=seed, **hot)) for seed in (7, 7, 8)]
    assert first == again != other


@pytest.mark.parametrize("seed", [-1, 2**63 - 1])
async def test_any_integer_is_a_seed(seed: int) -> None:
    hot = {"temperature": 1.5, "top_p": 1.0, "seed": seed}
    assert text_of(await generated(STORY, 8, **hot)) == text_of(await generated(STORY, 8, **hot))


async def test_without_a_seed_texts_differ() -> None:
    texts = {text_of(await generated(STORY, 10, temperature=2.0, top_p=1.0)) for _ in range(3)}
    assert len(texts) > 1


async def test_a_seed_repeats_the_text_also_beside_another_generation() -> None:
    alone = text_of(await generated(STORY, 16, seed=3, temperature=1.0))
    beside, _ = await asyncio.gather(generated(STORY, 16, seed=3, temperature=1.0), generated("Hello!", 16))
    assert text_of(beside) == alone


async def test_temperature_zero_needs_no_seed_to_repeat() -> None:
    assert text_of(await generated(STORY, 10, temperature=0.0)) == text_of(await generated(STORY, 10, temperature=0.0))


async def test_a_stop_string_ends_the_text_and_is_not_part_of_it() -> None:
    whole = text_of(await generated(STORY, 20, seed=1))
    word = whole.split()[4]
    pieces = await generated(STORY, 20, seed=1, stop=[word])
    assert text_of(pieces) == whole[: whole.index(word)]
    assert pieces[-1].finish_reason == "stop"


async def test_the_length_is_kept() -> None:
    pieces = await generated(STORY, 5)
    assert pieces[-1] == Piece("", 5, pieces[-1].cached, (), "length")


async def test_no_tokens_are_no_work() -> None:
    assert await generated(STORY, 0) == [Piece("", 0, finish_reason="length")]


async def test_a_bias_makes_a_token_certain_or_impossible() -> None:
    token = engine().server.tokenise(" fish", special=False)[0]
    certain = text_of(await generated(STORY, 4, logit_bias={token: 100.0}, repeat_penalty=1.0))
    assert certain == " fish" * 4
    first = (await generated(STORY, 1, temperature=0.0, logprobs=1))[0].logprobs[0]
    banned = (await generated(STORY, 1, temperature=0.0, logprobs=1, logit_bias={first["id"]: -100.0}))[0].logprobs[0]
    assert banned["id"] != first["id"]


async def test_penalties_make_repetition_rarer() -> None:
    token = engine().server.tokenise(" fish", special=False)[0]
    bias: dict[str, Any] = {"logit_bias": {token: 12.0}, "temperature": 0.0}
    plain = text_of(await generated(STORY, 12, **bias)).count("fish")
    assert plain > text_of(await generated(STORY, 12, **bias, frequency_penalty=2.0)).count("fish")
    assert plain > text_of(await generated(STORY, 12, **bias, presence_penalty=2.0)).count("fish")


async def test_log_probabilities_come_with_their_alternatives() -> None:
    pieces = await generated(STORY, 3, seed=1, logprobs=2)
    entries = [entry for piece in pieces for entry in piece.logprobs]
    assert "".join(entry["token"] for entry in entries) == text_of(pieces)
    for entry in entries:
        assert entry["logprob"] <= 0
        assert len(entry["top_logprobs"]) == 2


async def test_the_likelihood_of_given_tokens_is_that_of_generating_them() -> None:
    entries = [entry for piece in await generated(STORY, 4, temperature=0.0, logprobs=0) for entry in piece.logprobs]
    async with engine().slot() as slot:
        found = await slot.logprobs(prompt(STORY), [entry["id"] for entry in entries])
    assert found == pytest.approx([entry["logprob"] for entry in entries], abs=0.05)


async def test_a_grammar_is_kept() -> None:
    pieces = await generated("Yes or no?", 10, grammar='root ::= "perhaps" | "surely"')
    assert text_of(pieces) in ("perhaps", "surely")
    assert pieces[-1].finish_reason == "stop"


async def test_what_llama_refuses_is_a_failure_and_the_next_generation_works() -> None:
    with pytest.raises(LlamaFailure, match="grammar"):
        await generated(STORY, 3, grammar="root ::= missing-rule")
    await until(lambda: engine().queue.running == 0)
    assert text_of(await generated(STORY, 3))


async def test_a_body_that_cannot_be_sent_is_the_callers_error_and_frees_the_slot() -> None:
    with pytest.raises((TypeError, ValueError)):
        await generated(STORY, 3, stop=[object()])
    await until(lambda: engine().queue.running == 0)


async def test_prompts_are_counted_and_long_ones_at_least_enough() -> None:
    assert len(engine().tokens("Hello world")) == 2
    assert (engine().context, engine().vocabulary) == (2_048, 49_152)
    far_too_long = engine().tokens("word " * 200_000)
    assert 2_048 < len(far_too_long) < 20_000
    assert len(engine().tokens(" " * 80_000)) > 0


async def test_the_last_part_of_a_prompt_counts_where_its_tokens_are_long() -> None:
    dashes = "-" * 70_000
    assert engine().tokens(dashes) == engine().server.tokenise(dashes, special=True)


async def test_the_model_is_free_within_a_token_when_the_generator_is_closed() -> None:
    async with engine().slot() as slot:
        pieces = slot.generate(Generation(prompt(STORY), 2_000))
        await anext(pieces)
        await pieces.aclose()
    assert await until(lambda: engine().queue.running == 0) < 2.0


async def test_the_model_is_free_within_a_token_when_the_task_is_cancelled() -> None:
    begun = asyncio.Event()

    async def caller() -> None:
        async with (
            engine().slot() as slot,
            contextlib.aclosing(slot.generate(Generation(prompt(STORY), 2_000))) as pieces,
        ):
            async for _ in pieces:
                begun.set()

    task = asyncio.create_task(caller())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until(lambda: engine().queue.running == 0) < 2.0


async def test_the_model_is_free_soon_when_the_caller_leaves_while_the_prompt_is_read() -> None:
    task = asyncio.create_task(generated("word " * 1_200, 10))
    await until(lambda: engine().queue.running == 1)
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until(lambda: engine().queue.running == 0) < 3.0


async def test_a_silent_generation_is_cancelled_as_well() -> None:
    invisible = engine().server.tokenise("<|im_start|>", special=True)[0]
    task = asyncio.create_task(generated(STORY, 2_000, logit_bias={invisible: 100.0}, repeat_penalty=1.0))
    await until(lambda: engine().queue.running == 1)
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until(lambda: engine().queue.running == 0) < 2.0


async def test_slots_run_at_once_the_queue_waits_and_one_more_is_refused() -> None:
    runs = [asyncio.create_task(generated(STORY, 30)) for _ in range(4)]
    await until(lambda: engine().queue.waiting == 2)
    assert engine().queue.running == 2
    with pytest.raises(Overloaded):
        await generated(STORY, 3)
    assert all(text_of(pieces) for pieces in await asyncio.gather(*runs))
    assert engine().queue.running == 0


def test_one_engine_serves_one_event_loop_after_the_other() -> None:
    for _ in range(2):
        assert text_of(asyncio.run(generated("Hi!", 3)))


async def test_a_caller_whose_event_loop_is_gone_frees_the_model() -> None:
    kept = []

    def abandon() -> None:
        loop = asyncio.new_event_loop()
        lease = loop.run_until_complete(engine().queue.acquire())
        slot = llama.Slot(engine(), lease)
        pieces = slot.generate(Generation(prompt(STORY), 2_000))
        loop.run_until_complete(anext(pieces))
        kept.append(pieces)
        lease.drop()
        loop.close()

    await asyncio.to_thread(abandon)
    assert await until(lambda: engine().queue.running == 0) < 2.0
    assert kept


async def test_a_thread_that_cannot_start_frees_the_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with engine().slot() as slot:
        generation = Generation(prompt(STORY), 3)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            await anext(slot.generate(generation))
        monkeypatch.undo()
    assert engine().queue.running == 0


def test_nothing_is_loaded_before_it_is_asked_for(small: LlamaEngine) -> None:
    assert not small.loaded
    with pytest.raises(LlamaFailure, match="not loaded"):
        small.context  # noqa: B018
    assert small.fingerprint() == engine().fingerprint()
    small.close()


async def test_closing_ends_what_runs_and_the_engine_can_be_loaded_again(small: LlamaEngine) -> None:
    threads = [threading.Thread(target=small.load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert small.loaded
    assert small.context == 256
    running = asyncio.create_task(generated(STORY, 200, small))
    await until(lambda: small.queue.running == 1)
    await asyncio.sleep(0.2)
    await asyncio.to_thread(small.close)
    with pytest.raises(LlamaFailure):
        await running
    assert not small.loaded
    assert small.queue.running == 0
    small.load()
    assert text_of(await generated("Hi!", 3, small))


async def test_a_text_that_fills_the_window_ends_there(small: LlamaEngine) -> None:
    small.load()
    room = small.context - len(prompt(STORY))
    newline = small.server.tokenise("\n", special=False)[0]
    pieces = await generated(STORY, room, small, logit_bias={newline: 100.0}, repeat_penalty=1.0)
    assert (pieces[-1].generated, pieces[-1].finish_reason) == (room, "length")


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.gguf"):
        LlamaEngine(gguf=tmp_path / "missing.gguf").load()


def test_a_file_that_is_no_model_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    model = LlamaEngine(gguf=tmp_path / "text.gguf")
    with pytest.raises(LlamaFailure, match=r"text\.gguf"):
        model.load()
    assert not model.loaded


def tool(name: str, description: str) -> Tool:
    return Tool(name, description, {}, strict=False)


WEATHER = tool("get_weather", "Get the current weather for a city")
MAIL = tool("send_email", "Send an email to a person")


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("What is the weather in Paris?", ["get_weather"]),
        ("Please email Alice about the meeting tomorrow.", ["send_email"]),
        ("Tell me a joke about cats.", []),
        ("Hello, how are you?", []),
    ],
)
async def test_the_model_tells_which_tool_a_message_asks_for(message: str, names: list[str]) -> None:
    decision = ToolDecision(engine())
    async with engine().slot() as slot:
        asked, nearest = await decision.asked_for(slot, message, [WEATHER, MAIL])
    assert asked == names
    assert nearest in ("get_weather", "send_email")
    assert not names or nearest == names[0]


async def test_a_long_message_is_judged_by_its_beginning_and_its_end() -> None:
    decision = ToolDecision(engine())
    message = f"What is the weather in Paris? {'Lorem ipsum. ' * 2_000} Say what the weather is like."
    async with engine().slot() as slot:
        (score,) = await decision.scores(slot, message, [WEATHER])
    assert score > THRESHOLD


async def test_what_descriptions_are_worth_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.engines.llama_decision._REMEMBERED", 1)
    decision = ToolDecision(engine())
    async with engine().slot() as slot:
        first = await decision.scores(slot, "Hello!", [tool("a", "Go"), tool("b", "Stop")])
        again = await decision.scores(slot, "Hello!", [tool("a", "Go"), tool("b", "Stop")])
    assert first == again
    assert all(map(math.isfinite, first))
    assert len(decision._usual) == 1


async def test_what_a_description_is_worth_is_found_out_once() -> None:
    decision = ToolDecision(engine())
    async with engine().slot() as slot:
        await decision.scores(slot, "Hello!", [WEATHER])
        known = dict(decision._usual)
        await decision.scores(slot, "What is the weather like?", [WEATHER])
    assert decision._usual == known
