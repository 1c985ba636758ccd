"""A second LUKHAS, a process of its own, as the upstream of this one: the official SDK gets through both what it gets
from the second alone; and where the second is killed, an error in the stream, and then the answer of a fallback."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import openai
import pytest

from analytics import usage
from analytics.models import UsageRecord
from tests.api.commands import run
from tests.contract.test_sdk import HELLO, TOOL, City
from tests.processes import Installation
from tests.serving import Server

CHAT, ECHO, EMBED = "lukhas-chat-1", "lukhas-echo-1", "lukhas-embed-1"
FAR = "far-"
CALLED: Any = {"type": "function", **TOOL["function"]}
Ask = Callable[[openai.OpenAI, str], Any]


class Second(NamedTuple):
    """An installation with a key for the first server; and where it serves."""

    site: Installation
    key: str
    url: str


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Second]:
    site = Installation(tmp_path_factory.mktemp("second") / "data", LUKHAS_ECHO_CHUNK_SECONDS="0.02")
    key = site.bootstrap()
    with site.serve() as served:
        yield Second(site, key, served.url)


@pytest.fixture
def reach(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes a server's models this one's too, as `far-…`."""

    def reach(url: str, key: str) -> None:
        monkeypatch.setenv("SECOND_API_KEY", key)
        run("add_upstream", "second", f"{url}/v1", "--api-key-env", "SECOND_API_KEY")
        for name in (CHAT, ECHO):
            run("add_model", f"{FAR}{name}", "--upstream", "second", "--upstream-model", name, "--no-embeddings")
        run("add_model", f"{FAR}{EMBED}", "--upstream", "second", "--upstream-model", EMBED, "--no-chat")

    return reach


@contextmanager
def calling(url: str, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60, _strict_response_validation=True
    ) as client:
        yield client


def counted(used: Any) -> tuple[int, int]:
    """Not how many of them were cached: whoever asks later finds more."""
    return used.prompt_tokens, used.completion_tokens


def chat(client: openai.OpenAI, model: str) -> Any:
    answer = client.chat.completions.create(model=model, messages=HELLO, max_tokens=8, seed=1, temperature=0)
    return answer.choices[0].message.content, answer.choices[0].finish_reason, counted(answer.usage)


def stream(client: openai.OpenAI, model: str) -> Any:
    chunks = list(
        client.chat.completions.create(
            model=model, messages=HELLO, max_tokens=8, seed=1, temperature=0, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    assert {chunk.model for chunk in chunks} == {model}
    return [(choice.delta, choice.finish_reason) for chunk in chunks for choice in chunk.choices], counted(
        chunks[-1].usage
    )


def tools(client: openai.OpenAI, model: str) -> Any:
    answer = client.chat.completions.create(
        model=model, messages=HELLO, tools=[TOOL], tool_choice="required", max_tokens=60, seed=1, temperature=0
    )
    (call,) = answer.choices[0].message.tool_calls or ()
    return call.type == "function" and call.function, answer.choices[0].finish_reason, counted(answer.usage)


def structured(client: openai.OpenAI, model: str) -> Any:
    answer = client.chat.completions.parse(
        model=model, messages=HELLO, response_format=City, max_tokens=300, seed=3, temperature=0
    )
    return answer.choices[0].message.parsed, counted(answer.usage)


def response(client: openai.OpenAI, model: str) -> Any:
    answer = client.responses.create(model=model, input=HELLO, max_output_tokens=16, temperature=0)
    assert answer.usage is not None
    used = answer.usage
    return answer.output_text, answer.status, answer.incomplete_details, used.input_tokens, used.output_tokens


def response_stream(client: openai.OpenAI, model: str) -> Any:
    with client.responses.stream(
        model=model, input=HELLO, tools=[CALLED], tool_choice="required", temperature=0
    ) as events:
        kinds = [event.type for event in events]
        (call,) = events.get_final_response().output
    return kinds, call.type == "function_call" and (call.name, call.arguments, call.status)


def embeddings(client: openai.OpenAI, model: str) -> Any:
    answer = client.embeddings.create(model=model, input=["a", "b c"], encoding_format="float")
    return answer.data, answer.usage


@pytest.mark.parametrize(
    ("ask", "model"),
    [
        *(
            (ask, model)
            for ask in (chat, stream, tools, structured, response, response_stream)
            for model in (CHAT, ECHO)
        ),
        (embeddings, EMBED),
    ],
)
def test_through_both_the_sdk_gets_what_it_gets_from_the_second_alone(
    server: Server, api_key: str, second: Second, reach: Callable[[str, str], None], ask: Ask, model: str
) -> None:
    reach(second.url, second.key)
    with calling(second.url, second.key) as near, calling(server.url, api_key) as far:
        assert ask(far, f"{FAR}{model}") == ask(near, model)


def test_killing_the_second_is_an_error_in_the_stream_and_then_the_fallback_answers(
    server: Server, api_key: str, second: Second, reach: Callable[[str, str], None]
) -> None:
    asked: dict[str, Any] = {
        "model": f"{FAR}{ECHO}", "messages": [{"role": "user", "content": "one two three " * 50}], "max_tokens": 100,
    }  # fmt: skip
    with second.site.serve() as served, calling(server.url, api_key) as client:
        reach(served.url, second.key)
        chunks = iter(client.chat.completions.create(**asked, stream=True))
        heard = [next(chunks) for _ in range(5)]
        served.stop(signal.SIGKILL)
        with pytest.raises(openai.APIError, match="upstream") as broken:
            heard.extend(chunks)
        assert (broken.value.code, type(broken.value)) == ("upstream_error", openai.APIError)
        assert not any(choice.finish_reason for chunk in heard for choice in chunk.choices)
        run("add_model", "near", "--upstream", "echo", "--no-embeddings")
        run("set_fallbacks", f"{FAR}{ECHO}", "near")
        answer = client.chat.completions.with_raw_response.create(**asked)
    assert answer.headers["x-lukhas-upstream"] == "echo"
    assert answer.parse().choices[0].message.content
    usage.flush()
    cut, good = UsageRecord.objects.order_by("at")
    assert (cut.upstream, cut.error_code, cut.output_tokens > 0) == ("second", "upstream_error", True)
    assert (good.upstream, good.error_code) == ("echo", "")
