"""docs/compatibility.md says, parameter by parameter, what the backends do."""

import pytest

from api import parameters
from api.backends.echo import EchoBackend
from api.backends.embedded_chat import EmbeddedChatBackend
from api.backends.embedded_embeddings import EmbeddedEmbeddingsBackend
from tests.docs.pages import code, page

TABLES = {
    "Chat": (parameters.CHAT, [EmbeddedChatBackend.CHAT_PARAMETERS, EchoBackend.CHAT_PARAMETERS]),
    "Completions": (
        parameters.COMPLETIONS,
        [EmbeddedChatBackend.COMPLETION_PARAMETERS, EchoBackend.COMPLETION_PARAMETERS],
    ),
    "Embeddings": (
        parameters.EMBEDDINGS,
        [EmbeddedEmbeddingsBackend.EMBEDDING_PARAMETERS, EchoBackend.EMBEDDING_PARAMETERS],
    ),
    "Moderations": (parameters.MODERATIONS, [parameters.MODERATIONS, parameters.MODERATIONS]),
}


REFUSED = frozenset("context_management conversation max_tool_calls moderation previous_response_id prompt".split())
"""What no response may be asked with."""
HERE = frozenset("background include metadata store stream stream_options truncation".split())
"""What is seen to before any model is asked."""
AS_CHAT = {
    "input": "messages",
    "instructions": "messages",
    "max_output_tokens": "max_completion_tokens",
    "reasoning": "reasoning_effort",
    "text": "response_format",
}
"""Under which name a model is asked for the rest, where it is another."""


@pytest.mark.parametrize("heading", TABLES)
def test_every_parameter_of_the_specification_has_a_row(heading: str) -> None:
    known, _ = TABLES[heading]
    names = [code(row[0])[0] for row in page("compatibility").rows(heading)]
    assert names == sorted(known)


@pytest.mark.parametrize("heading", TABLES)
def test_every_cell_says_what_the_backend_does(heading: str) -> None:
    known, backends = TABLES[heading]
    shown = {code(row[0])[0]: row[1:4] for row in page("compatibility").rows(heading)}
    real = {name: [*("yes" if name in honoured else "no" for honoured in backends), "passed on"] for name in known}
    assert shown == real


def test_a_response_honours_what_its_chat_does() -> None:
    chats = [EmbeddedChatBackend.CHAT_PARAMETERS, EchoBackend.CHAT_PARAMETERS]
    real = {}
    for name in sorted(parameters.RESPONSES):
        by_models = ["yes" if AS_CHAT.get(name, name) in honoured else "no" for honoured in chats]
        asked = [*by_models, "passed on"]
        real[name] = ["no"] * 3 if name in REFUSED else ["yes"] * 3 if name in HERE else asked
    shown = {code(row[0])[0]: row[1:4] for row in page("compatibility").rows("Responses")}
    assert list(shown.items()) == list(real.items())
