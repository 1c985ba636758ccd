"""llama.cpp's server in this process: reachable by nobody else, quiet, and no hindrance to signals and exit."""

import http.client
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from api.engines.llama_server import LlamaFailure, _Connection
from tests.api.llamas import engine

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import asyncio, os, signal, sys, threading, time
from api.engines.llama import Generation, LlamaEngine

terminated = []
signal.signal(signal.SIGTERM, lambda *_: terminated.append(True))
engine = LlamaEngine(slots=1, context=256)
engine.load()
for number in (signal.SIGTERM, signal.SIGINT):
    try:
        os.kill(os.getpid(), number)
        time.sleep(0.2)
    except KeyboardInterrupt:
        terminated.append(False)
assert terminated == [True, False], terminated

async def main():
    async with engine.slot() as slot:
        pieces = slot.generate(Generation(engine.tokens("Once upon a time"), 200))
        await anext(pieces)
        print("generating", flush=True)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def ended() -> "subprocess.CompletedProcess[str]":
    """A process that loaded the model, was sent signals, and ended in the middle of a generation."""
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_a_process_with_the_model_keeps_its_signal_handlers_and_ends_cleanly(
    ended: "subprocess.CompletedProcess[str]",
) -> None:
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "generating\n"


def test_llama_writes_nothing_to_stderr(ended: "subprocess.CompletedProcess[str]") -> None:
    assert ended.stderr == ""


def inodes_listening_on_ports() -> set[str]:
    """The sockets of this machine that listen on TCP ports."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                found.add(fields[9])
    return found


SOCKETS = """
import os
from pathlib import Path
from api.engines.llama import LlamaEngine

LlamaEngine(slots=1, context=256).load()
print([os.readlink(file) for file in sorted(Path("/proc/self/fd").iterdir()) if file.is_socket()], flush=True)
input()
"""


def test_no_port_is_opened() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SOCKETS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        sockets = process.stdout.readline()
        listening = inodes_listening_on_ports()
        process.communicate("\n")
    assert "socket:" in sockets
    assert not any(f"socket:[{inode}]" in sockets for inode in listening)


def test_only_this_user_can_reach_the_socket() -> None:
    directory = engine().server._directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert directory.stat().st_uid == os.getuid()


def test_the_routes_ask_for_a_key() -> None:
    connection = _Connection(engine().server._directory / "llama.sock")
    connection.request("POST", "/tokenize", "{}", {"Authorization": "Bearer guess"})
    assert connection.getresponse().status == http.client.UNAUTHORIZED
    connection.close()


def test_a_request_that_llama_refuses_is_a_failure() -> None:
    with pytest.raises(LlamaFailure, match="/apply-template with 400"):
        engine().server.render("no list")  # type: ignore[arg-type]


def test_a_server_that_does_not_answer_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine().server, "_directory", tmp_path)
    with pytest.raises(LlamaFailure, match="did not answer"):
        engine().server.render([])


def test_an_answer_that_breaks_off_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "llama.sock"))
        listener.listen()
        monkeypatch.setattr(engine().server, "_directory", tmp_path)
        monkeypatch.setattr("api.engines.llama_server._TIMEOUT", 0.05)
        with pytest.raises(LlamaFailure, match="did not answer"):
            engine().server.tokenise("text", special=True)


def test_the_model_tells_its_window_and_its_vocabulary() -> None:
    assert (engine().server.context, engine().server.vocabulary) == (2_048, 49_152)


def test_marks_are_tokens_only_where_they_are_meant_to_be() -> None:
    assert engine().server.tokenise("<|im_end|>", special=True) == [2]
    assert len(engine().server.tokenise("<|im_end|>", special=False)) > 1
