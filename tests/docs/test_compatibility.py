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
