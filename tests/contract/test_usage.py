"""The official SDK's usage and costs against a ledger that the caller kept of its own calls, to the token."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Membership, Organization, User
from accounts.roles import Role
from tests.api.commands import run
from tests.mock_upstream import MODEL, MockUpstream
from tests.processes import eventually
from tests.serving import Server

WITHIN = 3.0
"""Seconds in which a finished request is visible."""
PRICE = 0.001
"""Dollars a token, of the vendor's model."""
RECKONED = 8
"""What the limits reckon with for the prompt below."""
HELLO: list[Any] = [{"role": "user", "content": "one two three"}]


@pytest.fixture
def vendor() -> Iterator[MockUpstream]:
    with MockUpstream() as upstream:
        run("add_upstream", "vendor", upstream.url)
        prices = ("--input-price", "1000", "--cached-input-price", "1000", "--output-price", "1000")
        run("add_model", "big", "--upstream", "vendor", "--upstream-model", MODEL, *prices)
        yield upstream


@pytest.fixture
def admin(server: Server) -> Iterator[openai.OpenAI]:
    """The SDK with an admin key, strict."""
    organization: Organization = ensure_defaults()[0]
    user = User.objects.create_user("books", "books@example.com")
    Membership.objects.create(user=user, organization=organization, role=Role.OWNER)
    key = ApiKey.issue(name="books", organization=organization, user=user, is_admin=True)[1]
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="unused", admin_api_key=key, _strict_response_validation=True
    ) as client:
        yield client


class Ledger:
    """What a caller knows of its calls: how many, and the tokens that it was told, by model."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.written: Counter[str] = Counter()

    def note(self, model: str, read: int = 0, written: int = 0) -> None:
        self.requests[model] += 1
        self.read[model] += read
        self.written[model] += written

    def lines(self) -> dict[str, tuple[int, int, int]]:
        """Requests, tokens read and tokens written, by model."""
        return {model: (self.requests[model], self.read[model], self.written[model]) for model in self.requests}

    def note_told(self, model: str, told: Any) -> None:
        """Notes what an answer says of itself."""
        self.note(model, told.prompt_tokens, getattr(told, "completion_tokens", 0))

    def note_left(self, model: str, stream: openai.Stream[Any], pieces: int) -> None:
        """Notes a stream that ended before its time: all that was written until then, and the prompt as the limits
        reckon it, for nobody told."""
        read = 0
        try:
            for chunk in stream:
                read += bool(chunk.choices[0].delta.content)
                if read == pieces:
                    break
        except openai.APIError:
            pass
        finally:
            stream.close()
        self.note(model, RECKONED, read)


def test_usage_and_costs_agree_to_the_token_with_a_ledger_of_whole_streamed_cut_and_failed_requests(
    sdk: openai.OpenAI, admin: openai.OpenAI, vendor: MockUpstream
) -> None:
    chats, embeddings = Ledger(), Ledger()
    start = int(time.time())
    for model in ("big", "big", "lukhas-echo-1"):
        chats.note_told(model, sdk.chat.completions.create(model=model, messages=HELLO).usage)
    chats.note_told("lukhas-echo-1", sdk.completions.create(model="lukhas-echo-1", prompt="one two").usage)
    for model in ("big", "lukhas-echo-1"):
        *_, last = sdk.chat.completions.create(
            model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chats.note_told(model, last.usage)
    for mode, pieces in (("slow", 1), ("slow", 2), ("error-mid", 99)):
        vendor.mode, vendor.delay = mode, 0.3
        chats.note_left("big", sdk.chat.completions.create(model="big", messages=HELLO, stream=True), pieces)
    vendor.mode = "500"
    with pytest.raises(openai.InternalServerError):
        sdk.chat.completions.create(model="big", messages=HELLO)
    chats.note("big")
    for text in ("one two", ["three", "four five"]):
        answer = sdk.embeddings.create(model="lukhas-echo-1", input=text, encoding_format="float")
        embeddings.note_told("lukhas-echo-1", answer.usage)
    judgements = Ledger()
    sdk.moderations.create(model="lukhas-echo-1", input=["one two", "three"])
    judgements.note("lukhas-echo-1", 3)
    with pytest.raises(openai.NotFoundError):  # never reached a model, and is in no book
        sdk.chat.completions.create(model="nobody", messages=HELLO)

    usage = admin.admin.organization.usage

    def told(call: Any) -> dict[str, tuple[int, int, int]]:
        page = call(start_time=start, bucket_width="1d", group_by=["model"])
        found: Counter[tuple[str, str]] = Counter()
        for result in (result for bucket in page.data for result in bucket.results):
            for name in ("num_model_requests", "input_tokens", "output_tokens"):
                found[result.model, name] += getattr(result, name, 0)
        return {
            model: (found[model, "num_model_requests"], found[model, "input_tokens"], found[model, "output_tokens"])
            for model, _ in found
        }

    def whole() -> bool:
        books = ((usage.completions, chats), (usage.embeddings, embeddings), (usage.moderations, judgements))
        return all(told(kind) == ledger.lines() for kind, ledger in books)

    eventually(whole, WITHIN, "the books have every request")
    costs = usage.costs(start_time=start, group_by=["line_item"])
    amounts: Counter[str] = Counter()
    for result in (result for bucket in costs.data for result in bucket.results):
        assert result.object == "organization.costs.result"
        assert result.amount is not None
        amounts[str(result.line_item)] += result.amount.value or 0
    assert amounts["big"] == pytest.approx((chats.read["big"] + chats.written["big"]) * PRICE)
    assert amounts["lukhas-echo-1"] == 0
    assert "Nothing differs." in run("rebuild_rollups")[0]
