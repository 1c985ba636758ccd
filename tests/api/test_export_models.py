"""manage.py export_models."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError

from accounts.models import AuditEvent
from api.models import Alias, Deployment, Fallback, Model, Upstream
from tests.api.commands import run
from tests.api.rollouts import make_flag

pytestmark = pytest.mark.usefixtures("database")

WITHOUT = ("id", "created_at", "upstream_id", "target_id", "model_id")


def catalog() -> list[Any]:
    """The rows, without what is of this database alone."""
    return [
        [
            {name: value for name, value in row.items() if name not in WITHOUT}
            for row in each.objects.order_by("pk").values()
        ]
        for each in (Upstream, Model, Alias, Deployment, Fallback)
    ]


def fill() -> None:
    """A row of each kind whose every field has another value than a new one."""
    gpu = Upstream.objects.create(name="gpu", base_url="http://gpu:8000/v1", api_key_env="GPU_KEY")
    values: dict[str, Any] = {
        "upstream": gpu,
        "upstream_model": "org/ünï: '#",
        "enabled": False,
        "completions": False,
        "embeddings": False,
        "context_window": 4096,
        "encoding": "o200k_base",
        "vector_space": "yes",
        "input_price": "0.150000",
        "cached_input_price": "0.000001",
        "output_price": "12345678.5",
    }
    big = Model.objects.create(model_id="llama3.2:3b", **values)
    spare = Upstream.objects.create(name="spare", base_url="http://spare/v1", first_seconds=0.5, max_connections=7)
    Model.objects.filter(pk=big.pk).update(weight=3, default_parameters={"temperature": 0.2, "stop": ["a"]})
    Deployment.objects.create(model=big, upstream=spare, upstream_model="ä: #", weight=0)
    other = Model.objects.create(**{**values, "model_id": "other", "upstream": spare})
    Fallback.objects.create(model=big, target=other)
    make_flag({"same": "llama3.2:3b"}, key="which")
    Alias.objects.create(name="1e3", target=big, rollout="which")


def test_what_is_exported_is_imported_as_it_was(tmp_path: Path) -> None:
    fill()
    before, path = catalog(), str(tmp_path / "models.yaml")
    assert run("export_models", path) == (f"Written to {path}.\n", "")
    events = AuditEvent.objects.count()
    assert run("import_models", path, "--prune")[0] == "0 added, 0 changed, 0 deleted, 13 unchanged.\n"
    assert AuditEvent.objects.count() == events
    Alias.objects.all().delete()
    Model.objects.all().delete()
    Upstream.objects.all().delete()
    assert "13 added" in run("import_models", path)[0]
    assert [sorted(map(str, rows)) for rows in catalog()] == [sorted(map(str, rows)) for rows in before]


def test_changes_that_were_made_meanwhile_are_taken_back(tmp_path: Path) -> None:
    fill()
    before, path = catalog(), str(tmp_path / "models.yml")
    run("export_models", path, "-v", "0")
    for model in Model.objects.filter(model_id="llama3.2:3b"):
        model.context_window, model.vector_space, model.enabled = None, "", True
        model.save()
    Upstream.objects.filter(name="gpu").update(api_key_env="")
    assert "2 changed" in run("import_models", path)[0]
    assert catalog() == before


def test_every_field_is_there_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-secret")
    fill()
    out, err = run("export_models")
    assert (err, "sk-secret" in out) == ("", False)
    tables = yaml.safe_load(out)
    assert list(tables) == ["upstreams", "models", "aliases"]
    gpu = {"kind": "openai", "base_url": "http://gpu:8000/v1", "api_key_env": "GPU_KEY"}
    assert tables["upstreams"]["gpu"].items() >= gpu.items()
    for name, model in (("upstreams", Upstream), ("models", Model), ("aliases", Alias)):
        first = next(iter(tables[name].values()))
        assert len(first) >= len(model.audit_fields) - 1
    assert tables["models"]["lukhas-chat-1"]["context_window"] == 2048
    assert tables["models"]["llama3.2:3b"]["output_price"] == "12345678.5"
    assert tables["aliases"] == {"1e3": {"target": "llama3.2:3b", "rollout": "which"}}


@pytest.mark.parametrize(
    ("name", "told"), [("x.toml", "its name must end in .yaml or .yml."), ("no/x.yaml", "cannot be written: No such")]
)
def test_what_cannot_be_written_is_told(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        run("export_models", str(tmp_path / name))


def test_quiet_is_quiet(tmp_path: Path) -> None:
    assert run("export_models", str(tmp_path / "x.yaml"), "-v", "0") == ("", "")
    assert (tmp_path / "x.yaml").read_text(encoding="utf-8") == run("export_models")[0]
