"""What a request may use, estimated before it is answered."""

from typing import Any

import orjson
import pytest

from api.catalog import Target
from api.estimates import IMAGE_TOKENS, MESSAGE_TOKENS, TEMPLATE_TOKENS, estimate, most_cost
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings
from api.serializers.moderations import parse_moderation

OPEN = Target("m", "u", "openai")


def chat(content: Any, **body: Any) -> Any:
    return parse_chat({"model": "m", "messages": [{"role": "user", "content": content}], **body})


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ("Hi", 1),
        ("four", 1),
        ("fives", 2),
        ("", 0),
        ("日本語", 3),  # nine bytes
        ([{"type": "text", "text": "fives"}, {"type": "text", "text": "four"}], 3),
        ([{"type": "text", "text": "fives"}, {"type": "refusal", "refusal": "four"}], 3),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}], IMAGE_TOKENS),
    ],
)
def test_text_counts_by_its_bytes_and_an_image_as_an_image(content: Any, tokens: int) -> None:
    assert estimate(chat(content, max_tokens=7), OPEN) == (tokens + MESSAGE_TOKENS, 7)


def test_messages_without_content_count_as_messages() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [{"role": "user", "content": "four"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    request = parse_chat({"model": "m", "messages": [*messages, {"role": "tool", "tool_call_id": "c", "content": ""}]})
    assert estimate(request, OPEN)[0] == 1 + 3 * MESSAGE_TOKENS


def test_tools_count_as_they_are_written() -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": "x" * 400, "parameters": {}}}
    assert 100 < estimate(chat("four", tools=[tool]), OPEN)[0] < 140


def test_the_answer_counts_the_most_that_it_may_be_for_every_choice(settings: Any) -> None:
    settings.LUKHAS_ESTIMATED_OUTPUT_TOKENS = 50
    assert estimate(chat("four"), OPEN)[1] == 50
    assert estimate(chat("four", n=3, max_completion_tokens=20), OPEN)[1] == 60


def test_no_more_than_the_context_window_leaves_is_counted() -> None:
    small = Target("m", "u", "openai", context_window=105)
    assert estimate(chat("four", max_tokens=10**9), small) == (5, 100)
    assert estimate(chat("x" * 4000, max_tokens=10), small) == (1004, 0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"prompt": "fives"}, (2, 16)),
        ({"prompt": ["four", "fives"], "max_tokens": 5}, (3, 10)),
        ({"prompt": [1, 2, 3], "max_tokens": 5, "n": 2}, (3, 10)),
        ({"prompt": "four", "max_tokens": 5, "n": 2, "best_of": 4}, (1, 20)),
    ],
)
def test_a_completion_counts_every_prompt_and_all_that_is_tried(
    body: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert estimate(parse_completion({"model": "m", **body}), OPEN) == expected


@pytest.mark.parametrize(
    ("input", "tokens"), [("fives", 2), (["four", "fives"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3)]
)
def test_embeddings_count_their_inputs_and_answer_with_none(input: Any, tokens: int) -> None:
    assert estimate(parse_embeddings({"model": "m", "input": input}), OPEN) == (tokens, 0)


@pytest.mark.parametrize(
    ("input", "tokens"),
    [
        ("fives", 2),
        (["four", "fives", ""], 3),
        ([{"type": "text", "text": "fives"}, {"type": "image_url", "image_url": {"url": "x" * 900}}], 2 + IMAGE_TOKENS),
    ],
)
def test_moderations_count_texts_and_images_and_answer_with_none(input: Any, tokens: int) -> None:
    assert estimate(parse_moderation({"model": "m", "input": input}), OPEN) == (tokens, 0)


# --- The most that a request can cost ----------------------------------------------------------------------------

MICRO = 1_000_000
"""A price of a micro-dollar a token."""


def most(request: Any, **target: Any) -> int:
    """The most that a request can cost, where each token costs a micro-dollar."""
    priced = Target("m", "u", "openai", input_price=MICRO, output_price=MICRO, **target)
    return most_cost(request, priced, *estimate(request, priced))


def size(request: Any) -> int:
    return len(orjson.dumps(request.body)) + TEMPLATE_TOKENS


def test_a_prompt_has_at_most_a_token_for_each_byte_of_the_request_and_an_answer_what_it_is_allowed() -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": "x" * 400, "parameters": {}}}
    for request in (chat("日本語" * 50, max_tokens=7, n=3), chat("four", max_tokens=7, n=3, tools=[tool])):
        assert most(request) == size(request) + 21
    parts = chat([{"type": "text", "text": "x" * 400}, {"type": "refusal", "refusal": "no"}], max_tokens=7)
    assert most(parts) == size(parts) + 7


def test_neither_prompt_nor_answer_is_longer_than_the_context_window() -> None:
    assert most(chat("x" * 4000, max_tokens=10**9), context_window=100) == 1004 + 100
    assert most(chat("x" * 4000), context_window=2000) == 2000 + 2000
    assert most(chat("four", n=2), context_window=100) == 100 + 2 * 100


def test_where_no_bound_is_known_the_estimate_stands_for_it(settings: Any) -> None:
    settings.LUKHAS_ESTIMATED_OUTPUT_TOKENS = 50
    request = chat("four")
    assert most(request) == size(request) + 50
    image = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    assert most(chat(image, max_tokens=7)) == MESSAGE_TOKENS + IMAGE_TOKENS + 7
    assert most(chat(image, max_tokens=7), context_window=9000) == 9000 + 7
    heard = [{"role": "assistant", "content": None, "audio": {"id": "a"}}, {"role": "user", "content": "four"}]
    said = parse_chat({"model": "m", "messages": heard, "max_tokens": 7})
    assert most(said) == 1 + 2 * MESSAGE_TOKENS + 7


def test_completions_and_embeddings_have_a_most_for_all_their_texts() -> None:
    completion = parse_completion({"model": "m", "prompt": ["four", "x" * 9], "max_tokens": 5, "n": 2, "best_of": 4})
    assert most(completion) == size(completion) + 2 * 4 * 5
    assert most(completion, context_window=20) == 2 * 20 + 2 * 4 * 5
    embeddings = parse_embeddings({"model": "m", "input": ["four", "x"]})
    assert most(embeddings) == size(embeddings)
    assert most(embeddings, context_window=20) == 2 * 20


def test_moderations_have_a_most_for_all_their_texts_and_images() -> None:
    texts = parse_moderation({"model": "m", "input": ["four", "x"]})
    assert most(texts) == size(texts)
    assert most(texts, context_window=20) == 2 * 20
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    shown = parse_moderation({"model": "m", "input": [{"type": "text", "text": "four"}, image]})
    assert most(shown) == 1 + IMAGE_TOKENS
    assert most(shown, context_window=9000) == 2 * 9000


@pytest.mark.parametrize(("input_price", "output_price", "expected"), [(0, 0, 0), (0, MICRO, 7), (MICRO, 0, 104)])
def test_the_most_follows_from_the_prices(input_price: int, output_price: int, expected: int) -> None:
    request = chat("x" * 400, max_tokens=7)
    target = Target("m", "u", "openai", input_price=input_price, output_price=output_price, context_window=100)
    assert most_cost(request, target, *estimate(request, target)) == expected


def test_a_most_is_never_below_the_estimate(settings: Any) -> None:
    settings.LUKHAS_ESTIMATED_OUTPUT_TOKENS = 50
    target = Target("m", "u", "openai", input_price=MICRO, output_price=MICRO, context_window=10)
    for request in (chat("x" * 4000, max_tokens=7), chat("four")):
        prompt, answer = estimate(request, target)
        assert most_cost(request, target, prompt, answer) >= target.cost(prompt, answer)
