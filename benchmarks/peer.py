"""LiteLLM's proxy, the peer that chat is compared with: installed into an environment of its own under var/, once.

As its pages on production say: a configuration file, a master key that every caller has to show, one worker for the
core, logs of errors only, nothing verbose. It has neither a database nor Redis, which is in its favour: it keeps no
books, counts no spending and checks one key.
"""

import json
import subprocess
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks import servers
from benchmarks.servers import ROOT

VERSION = "1.108.7"
NAME = f"LiteLLM {VERSION}"
PLACE = ROOT / "var" / "benchmarks" / f"litellm-{VERSION}"
KEY = "sk-benchmark"
SECONDS = 120
"""It takes up to half a minute to start on one core."""
ENVIRONMENT = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network at its start
    "LITELLM_MASTER_KEY": KEY,
    "NO_DOCS": "True",
    "PYTHONPATH": "",
}


def installed() -> Path | None:
    """Its program; None, with a word about it, where it cannot be installed."""
    program = PLACE / "bin" / "litellm"
    if program.exists():
        return program
    print(f"Installing {NAME}, this once", flush=True)
    venv.create(PLACE, with_pip=True)
    pip = [str(PLACE / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--retries", "1", "-q"]
    done = subprocess.run([*pip, "install", f"litellm[proxy]=={VERSION}"], check=False, capture_output=True, text=True)
    if done.returncode or not program.exists():
        program.unlink(missing_ok=True)
        print(f"{NAME} cannot be installed here, and is left out: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return None
    return program


@contextmanager
def litellm(program: Path, core: int | None, models: Mapping[str, str]) -> Iterator[servers.Running]:
    """It serves, from when it answers; `models` are the base URLs of each model's upstream."""
    listed = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_key": "none", "api_base": base}}
        for name, base in models.items()
    ]
    settings = {"model_list": listed, "litellm_settings": {"set_verbose": False, "request_timeout": 600}}
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "config.yaml"
        file.write_text(json.dumps(settings))  # which is YAML, too
        port = servers.free_port()
        command = [str(program), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
        command += ["--num_workers", "1", "--telemetry", "False"]
        with servers.process(command, port, ENVIRONMENT, core, SECONDS) as running:
            model = next(iter(models))
            ready(port, model)
            yield servers.Running(port, running.process, KEY, model)


def ready(port: int, model: str) -> None:
    """Waits until it says that it is, and has it answer once: the first answer takes it seconds."""
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + SECONDS
    while not answers(f"{base}/health/readiness"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{NAME} was not ready within {SECONDS} s")
        time.sleep(0.2)
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    if not answers(urllib.request.Request(f"{base}/v1/chat/completions", json.dumps(body).encode(), headers)):
        raise RuntimeError(f"{NAME} does not answer")


def answers(request: str | urllib.request.Request) -> bool:
    """Whether it does so with success."""
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return True
    except OSError:
        return False
