"""Loading the embedded models when the server starts, and what /readyz tells of it."""

import contextlib
import sqlite3
from pathlib import Path

from tests.processes import Installation, Served, eventually
from tests.site.conftest import Install

PRELOAD = {"LUKHAS_PRELOAD_MODELS": "true"}


def models(served: Served) -> tuple[bool, str]:
    told = served.readiness()["checks"]["models"]
    return told["ok"], told["detail"]


def lines(served: Served, event: str) -> int:
    return served.log.read_text().count(f'"event":"{event}"')


def test_the_models_are_loaded_beside_serving(install: Install) -> None:
    site = install()
    site.bootstrap()
    with site.serve(**PRELOAD) as served:
        seen = set()
        eventually(lambda: seen.add(models(served)) or models(served)[0], 60, "ready")
        assert served.get("/readyz").status_code == 200
        assert models(served) == (True, "loaded")
        assert lines(served, "model_loaded") == 3
    assert seen <= {
        (False, "loading: embedded-chat, embedded-embeddings, embedded-moderation"),
        (False, "loading: embedded-embeddings, embedded-moderation"),
        (False, "loading: embedded-moderation"),
        (True, "loaded"),
    }


def test_a_server_that_is_up_before_its_database_becomes_ready_with_it(install: Install) -> None:
    site = install()
    with site.serve(**PRELOAD) as served:
        eventually(lambda: lines(served, "models_not_known"), 30, "the failure is logged")
        answer = served.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["migrations"]["detail"].endswith(" not applied: run manage.py migrate")
        assert answer.json()["checks"]["models"] == {"ok": False, "detail": "OperationalError"}
        site.bootstrap()
        eventually(lambda: served.get("/readyz").status_code == 200, 60, "ready")
        assert lines(served, "models_not_known") == 1, "a log line every second helps nobody"


def rename_table(site: Installation, old: str, new: str) -> None:
    with contextlib.closing(sqlite3.connect(site.data / "lukhas.sqlite3")) as database, database:
        database.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_a_model_that_cannot_be_loaded_is_named_and_does_not_take_the_others_along(
    install: Install, tmp_path: Path
) -> None:
    gguf = tmp_path / "broken.gguf"
    gguf.write_text("no model at all")
    site = install(LUKHAS_CHAT_GGUF=str(gguf))
    key = site.bootstrap()
    rename_table(site, "api_model", "away")
    with site.serve(**PRELOAD) as served:
        eventually(lambda: lines(served, "models_not_known"), 30, "the catalog could not be read")
        rename_table(site, "away", "api_model")
        eventually(lambda: lines(served, "model_loaded") == 2, 60, "the other models are loaded")
        assert models(served) == (False, "cannot be loaded: embedded-chat (LlamaFailure)")
        assert served.get("/readyz").status_code == 503
        answer = served.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, "what does not need the model works"
        site.manage("shell", "-v", "0", "-c", "from api.models import Model; Model.objects.filter(chat=True).delete()")
        eventually(lambda: served.get("/readyz").status_code == 200, 20, "ready without the model")
        assert models(served) == (True, "loaded")


def test_models_that_load_on_first_use_do_not_keep_the_server_from_being_ready(install: Install) -> None:
    site = install()
    site.bootstrap()
    with site.serve() as served:
        assert models(served) == (True, "loaded on first use: embedded-chat, embedded-embeddings, embedded-moderation")
