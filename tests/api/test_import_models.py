"""manage.py import_models."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent
from api.manifests.lists import LISTS
from api.manifests.reading import TABLES, fields_of
from api.models import Alias, Deployment, Fallback, Model, Upstream
from tests.api.commands import run
from tests.api.rollouts import make_flag
from tests.docs.pages import code, page

pytestmark = pytest.mark.usefixtures("database")

CATALOG = """
[upstreams.gpu]
base_url = "http://gpu:8000/v1/"
api_key_env = "GPU_KEY"

[models.big]
upstream = "gpu"
upstream_model = "org/big"
embeddings = false
context_window = 32768
input_price = 0.15

[aliases.fast]
target = "big"
"""
ADDED = """\
+ upstream gpu
    base_url: http://gpu:8000/v1
    api_key_env: GPU_KEY
+ model big
    upstream: gpu
    upstream_model: org/big
    embeddings: no
    context_window: 32768
    input_price: 0.15
+ alias fast
    target: big
"""

UNFIT = "lukhas-embed-1 answers embeddings, small chat, completions"
OWN = "SECRET_KEY is a setting of this server and is never sent to an upstream."

Write = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    """Writes a file, and returns its path."""

    def write(content: str, name: str = "models.toml") -> str:
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return write


def rows() -> list[Any]:
    return [list(each.objects.order_by("pk").values()) for each in (Upstream, Model, Alias, Deployment, Fallback)]


def names() -> tuple[set[str], set[str], set[str]]:
    models = Model.objects.values_list("model_id", flat=True)
    return (
        set(Upstream.objects.values_list("name", flat=True)),
        set(models),
        set(Alias.objects.values_list("name", flat=True)),
    )


def refused(*arguments: str) -> list[str]:
    """The lines of the complaint of an import that changed nothing."""
    before, events = rows(), AuditEvent.objects.count()
    with pytest.raises(CommandError) as caught:
        run("import_models", *arguments)
    assert (rows(), AuditEvent.objects.count()) == (before, events)
    return str(caught.value).splitlines()


def test_what_is_in_the_file_is_added_and_shown(file: Write) -> None:
    out, err = run("import_models", file(CATALOG))
    assert out == f"{ADDED}3 added, 0 changed, 0 deleted, 0 unchanged.\n"
    assert err == ""
    model = Model.objects.get(model_id="big")
    assert (model.upstream.base_url, model.upstream.api_key_env) == ("http://gpu:8000/v1", "GPU_KEY")
    assert (model.chat, model.embeddings, model.context_window, str(model.input_price)) == (
        True,
        False,
        32768,
        "0.150000",
    )
    assert Alias.objects.get(name="fast").target == model


def test_a_second_import_changes_nothing(file: Write) -> None:
    path = file(CATALOG)
    run("import_models", path)
    before, events = rows(), AuditEvent.objects.count()
    assert run("import_models", path)[0] == "0 added, 0 changed, 0 deleted, 3 unchanged.\n"
    assert (rows(), AuditEvent.objects.count()) == (before, events)


def test_what_differs_is_changed_and_the_rest_stays(file: Write) -> None:
    run("import_models", file(CATALOG))
    told = run("import_models", file('[models.big]\ninput_price = "0.2"\ncontext_window = ""\nchat = true'))[0]
    assert told == (
        "~ model big\n    input_price: 0.15 → 0.2\n    context_window: 32768 → none\n"
        "0 added, 1 changed, 0 deleted, 0 unchanged.\n"
    )
    model = Model.objects.get(model_id="big")
    assert (str(model.input_price), model.context_window, model.upstream_model) == ("0.200000", None, "org/big")
    again = file("upstreams: {new: {base_url: http://b/v1}}\nmodels: {big: {upstream: new}}", "models.yaml")
    assert "    upstream: gpu → new\n" in run("import_models", again)[0]
    assert Model.objects.get(model_id="big").upstream.name == "new"


@pytest.mark.parametrize("prune", [False, True])
def test_a_dry_run_shows_the_same_and_changes_nothing(file: Write, prune: bool) -> None:
    before, events = rows(), AuditEvent.objects.count()
    out, _ = run("import_models", file(CATALOG), "--dry-run", *(["--prune"] if prune else []))
    assert out == f"{ADDED}Would be: 3 added, 0 changed, 0 deleted, 0 unchanged.\n"
    assert (rows(), AuditEvent.objects.count()) == (before, events)


def test_each_change_is_on_the_audit_log_as_the_commands(file: Write) -> None:
    begun = AuditEvent.objects.count()
    run("import_models", file(CATALOG))
    events = list(AuditEvent.objects.order_by("pk")[begun:])
    assert [event.type for event in events] == ["upstream.created", "model.created", "model_alias.created"]
    assert {(event.source, event.actor_name) for event in events} == {("command", "manage.py import_models")}


def test_it_is_quiet_where_it_is_to_be_and_draws_its_progress_on_a_terminal(file: Write) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    drawn, silent = Terminal(), Terminal()
    call_command("import_models", file(CATALOG), "--dry-run", stdout=StringIO(), stderr=drawn, no_color=True)
    assert drawn.getvalue().endswith(f"\r[{'#' * 30}] 3/3\n")
    out = StringIO()
    call_command("import_models", file(CATALOG), verbosity=0, stdout=out, stderr=silent)
    assert (out.getvalue(), silent.getvalue()) == ("", "")
    assert Alias.objects.exists()


class TestMistakes:
    """Whatever is wrong is told, all of it, with its place; and nothing changes."""

    def test_those_of_one_file_are_told_together(self, file: Write) -> None:
        path = file(
            """
            [upstreams."bad name"]
            base_url = "ftp://gpu"
            api_key_env = "SECRET_KEY"
            [upstreams.good]
            base_url = "http://169.254.169.254/v1"
            [upstreams.remote]
            [models.lost]
            [models."a:b"]
            upstream = "nowhere"
            [models.c]
            upstream = "good"
            [models.d]
            upstream = "echo"
            context_window = -1
            encoding = "latin-1"
            input_price = -0.5
            [models.fine]
            upstream = "echo"
            [aliases.fine]
            target = "fine"
            [aliases.x]
            target = "d"
            [aliases.y]
            target = "gone"
            rollout = "two words"
            """
        )
        found = [line.removeprefix("models.toml: ") for line in refused(path)]
        assert found == [
            'upstreams."bad name": Letters, digits and . _ : / @ + - only, beginning with a letter or digit.',
            'upstreams."bad name".base_url: The URL must begin with http:// or https://.',
            f'upstreams."bad name".api_key_env: {OWN}',
            "upstreams.good.base_url: Link-local and metadata addresses are never called.",
            "upstreams.remote: An OpenAI-compatible server needs a base URL, and only it has one.",
            "models.lost.upstream: is missing",
            "models.\"a:b\".upstream: there is no 'nowhere' in upstreams",
            "models.c.upstream: 'good' has mistakes",
            "models.d.context_window: Ensure this value is greater than or equal to 0.",
            "models.d.encoding: Value 'latin-1' is not a valid choice.",
            "models.d.input_price: Ensure this value is greater than or equal to 0.",
            "aliases.fine: A model has this id.",
            "aliases.x.target: 'd' has mistakes",
            "aliases.y.target: there is no 'gone' in models",
        ]

    def test_one_name_is_no_model_and_alias_at_once(self, file: Write) -> None:
        run("import_models", file(CATALOG))
        assert refused(file('[models.fast]\nupstream = "gpu"')) == ["models.toml: models.fast: An alias has this name."]

    def test_a_flag_that_rolls_out_keeps_its_models(self, file: Write) -> None:
        run("import_models", file(CATALOG))
        make_flag({"next": "lukhas-echo-1"}, key="misfit")
        (line,) = refused(file('[aliases.fast]\nrollout = "misfit"'))
        assert line.startswith("models.toml: aliases.fast.rollout: fast rolls out with the flag misfit")

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("[models.a]\nupstrem = 'x'", "models.a.upstrem: is not known here"),
            ("[models", "is not TOML: Expected ']' at the end of a table declaration (at end of document)"),
        ],
    )
    def test_of_a_file_that_cannot_be_read_nothing_else_is_told(self, file: Write, content: str, told: str) -> None:
        assert refused(file(content)) == [f"models.toml: {told}"]

    def test_a_file_that_is_not_there_or_of_another_kind_is_told(self, file: Write, tmp_path: Path) -> None:
        assert refused(str(tmp_path / "absent.toml")) == [
            f"{tmp_path}/absent.toml cannot be read: No such file or directory."
        ]
        assert refused(file("", "models.json")) == [f"{tmp_path}/models.json: its name must end in .toml, .yaml, .yml."]


class TestPruning:
    def test_without_it_nothing_is_deleted_and_with_it_what_is_not_in_the_file(self, file: Write) -> None:
        run("import_models", file(CATALOG))
        run("import_models", file("[upstreams.new]\nbase_url = 'http://b/v1'\n[models.m]\nupstream = 'new'"))
        assert {"gpu", "new"} <= names()[0]
        begun = AuditEvent.objects.count()
        told, _ = run("import_models", file("[upstreams.new]\n[models.m]"), "--prune")
        assert told == "- alias fast\n- model big\n- upstream gpu\n0 added, 0 changed, 3 deleted, 2 unchanged.\n"
        types = [event.type for event in AuditEvent.objects.order_by("pk")[begun:]]
        assert types == ["model_alias.deleted", "model.deleted", "upstream.deleted"]

    def test_what_runs_in_this_process_stays(self, file: Write) -> None:
        Alias.objects.create(name="parrot", target=Model.objects.get(model_id="lukhas-echo-1"))
        before = names()
        run("import_models", file('[aliases.echo]\ntarget = "lukhas-echo-1"'), "--prune")
        assert names() == (before[0], before[1], {"echo"})

    def test_a_model_moves_away_from_an_upstream_that_goes(self, file: Write) -> None:
        run("import_models", file(CATALOG))
        content = '[upstreams.new]\nbase_url = "http://b/v1"\n[models.big]\nupstream = "new"'
        run("import_models", file(content), "--prune")
        assert "gpu" not in names()[0]
        assert Model.objects.get(model_id="big").upstream.name == "new"

    def test_names_change_from_model_to_alias_and_back(self, file: Write) -> None:
        run("import_models", file(CATALOG))
        content = '[upstreams.gpu]\n[models.fast]\nupstream = "gpu"\n[aliases.big]\ntarget = "fast"'
        run("import_models", file(content), "--prune")
        assert (Model.objects.get(upstream__name="gpu").model_id, Alias.objects.get().name) == ("fast", "big")

    def test_an_alias_that_stays_leaves_the_model_that_goes_before_a_new_one_takes_its_name(self, file: Write) -> None:
        run("import_models", file(CATALOG))
        kept = Alias.objects.get().pk
        content = """
            [upstreams.gpu]
            [models.new]
            upstream = "gpu"
            [aliases.big]
            target = "new"
            [aliases.fast]
            target = "new"
        """
        run("import_models", file(content), "--prune")
        assert {alias.name: alias.target.model_id for alias in Alias.objects.all()} == {"big": "new", "fast": "new"}
        assert Alias.objects.get(name="fast").pk == kept

    def test_what_the_file_leads_to_is_not_deleted_unseen(self, file: Write) -> None:
        run("import_models", file(CATALOG))
        assert refused(file("[models.big]\n[aliases.fast]\n[aliases.new]\ntarget = 'big'"), "--prune") == [
            "models.toml: models.big.upstream: 'gpu' is not in the file, and would be deleted"
        ]
        assert refused(file("[aliases.fast]\n[aliases.new]\ntarget = 'big'"), "--prune") == [
            "models.toml: aliases.fast.target: 'big' is not in the file, and would be deleted",
            "models.toml: aliases.new.target: 'big' is not in the file, and would be deleted",
        ]

    def test_an_empty_file_deletes_nothing(self, file: Write) -> None:
        for content in ("", "[models]\n"):
            (line,) = refused(file(content), "--prune")
            assert line == "models.toml: nothing is in it, so that --prune would delete everything."
            assert run("import_models", file(content))[0] == "0 added, 0 changed, 0 deleted, 0 unchanged.\n"


class TestLists:
    """Further deployments and fallbacks: a list that is given takes the place of the one before."""

    BOTH = """
        [upstreams.gpu]
        base_url = "http://gpu:8000/v1"
        [upstreams.spare]
        base_url = "http://spare:8000/v1"
        [models.big]
        upstream = "gpu"
        embeddings = false
        fallbacks = ["small", "tiny"]
        deployments = [{upstream = "spare", upstream_model = "org/big", weight = 2}, {upstream = "spare"}]
        [models.small]
        upstream = "gpu"
        embeddings = false
        [models.tiny]
        upstream = "gpu"
        embeddings = false
    """

    @staticmethod
    def lists() -> tuple[list[Any], list[str]]:
        model = Model.objects.get(model_id="big")
        places = model.deployments.order_by("upstream__name", "upstream_model")
        found = [(each.upstream.name, each.upstream_model, each.weight) for each in places]
        return found, [each.target.model_id for each in model.fallbacks.order_by("position")]

    def test_they_are_added_with_the_model_and_a_second_import_changes_nothing(self, file: Write) -> None:
        path = file(self.BOTH)
        told, _ = run("import_models", path)
        assert "    deployments: spare (weight 1), spare (org/big, weight 2)\n    fallbacks: small, tiny\n" in told
        assert self.lists() == ([("spare", "", 1), ("spare", "org/big", 2)], ["small", "tiny"])
        before, events = rows(), AuditEvent.objects.count()
        assert run("import_models", path)[0] == "0 added, 0 changed, 0 deleted, 5 unchanged.\n"
        assert (rows(), AuditEvent.objects.count()) == (before, events)

    def test_what_is_not_in_a_list_any_more_goes_and_without_a_list_all_stays(self, file: Write) -> None:
        run("import_models", file(self.BOTH))
        kept = Model.objects.get(model_id="big").deployments.get(upstream_model="org/big").pk
        content = '[models.big]\nweight = 3\nfallbacks = ["tiny", "small"]\n'
        content += 'deployments = [{upstream = "spare", upstream_model = "org/big", weight = 0}]'
        assert run("import_models", file(content))[0] == (
            "~ model big\n    weight: 1 → 3\n"
            "    deployments: spare (weight 1), spare (org/big, weight 2) → spare (org/big, weight 0)\n"
            "    fallbacks: small, tiny → tiny, small\n"
            "0 added, 1 changed, 0 deleted, 0 unchanged.\n"
        )
        assert self.lists() == ([("spare", "org/big", 0)], ["tiny", "small"])
        assert Model.objects.get(model_id="big").deployments.get().pk == kept
        assert "1 unchanged" in run("import_models", file("[models.big]\nweight = 3"))[0]
        told, _ = run("import_models", file("[models.big]\nfallbacks = []\ndeployments = []"))
        assert "    fallbacks: tiny, small → none\n" in told
        assert self.lists() == ([], [])

    def test_a_model_changes_places_with_its_deployment(self, file: Write) -> None:
        run("import_models", file(self.BOTH))
        run("import_models", file('[models.big]\nupstream = "spare"\ndeployments = [{upstream = "gpu"}]'))
        assert (Model.objects.get(model_id="big").upstream.name, self.lists()[0]) == ("spare", [("gpu", "", 1)])

    def test_every_mistake_is_told_with_its_place(self, file: Write) -> None:
        shapes = file(
            """
            [models.a]
            deployments = [{upstream = "gpu", wait = 1}, {weight = "x"}, 5, {upstream = "b"}, {upstream = "b"}]
            fallbacks = ["b", 5, "b"]
            [models.b]
            deployments = 5
            """
        )
        assert [line.removeprefix("models.toml: models.") for line in refused(shapes)] == [
            "a.deployments[0].wait: is not known here",
            "a.deployments[1].weight: must be a whole number",
            "a.deployments[1].upstream: is missing",
            "a.deployments[2]: must be a table",
            "a.deployments[4]: is there twice",
            "a.fallbacks[1]: must be a text",
            "a.fallbacks[2]: is there twice",
            "b.deployments: must be a list",
        ]
        run("import_models", file(self.BOTH))
        meanings = file(
            """
            [models.big]
            deployments = [{upstream = "gpu"}]
            fallbacks = ["big"]
            [models.small]
            deployments = [{upstream = "nowhere"}, {upstream = "new"}]
            fallbacks = ["lukhas-embed-1"]
            [models.tiny]
            encoding = "latin-1"
            fallbacks = ["gone"]
            [upstreams.new]
            base_url = "ftp://x"
            """
        )
        assert [line.removeprefix("models.toml: models.") for line in refused(meanings)][1:] == [
            "tiny.encoding: Value 'latin-1' is not a valid choice.",
            "big.deployments: The model is reached there already.",
            "big.fallbacks: A model cannot fall back to itself.",
            "small.deployments[0].upstream: there is no 'nowhere' in upstreams",
            "small.deployments[1].upstream: 'new' has mistakes",
            f"small.fallbacks: It must answer the same endpoints as small: {UNFIT}.",
        ]

    def test_what_goes_is_led_to_by_no_list(self, file: Write) -> None:
        run("import_models", file(self.BOTH))
        content = "[upstreams.gpu]\n[models.small]\n[models.big]\n"
        assert refused(file(content), "--prune") == [
            "models.toml: upstreams.spare: is not in the file, but big at spare needs it"
        ]
        content += 'deployments = [{upstream = "spare"}]\nfallbacks = ["tiny"]'
        assert refused(file(content), "--prune") == [
            "models.toml: models.big.deployments[0].upstream: 'spare' is not in the file, and would be deleted",
            "models.toml: models.big.fallbacks[0]: 'tiny' is not in the file, and would be deleted",
        ]
        run(
            "import_models",
            file(content.replace('"spare"', '"gpu", upstream_model = "x"').replace("tiny", "small")),
            "--prune",
        )
        assert self.lists() == ([("gpu", "x", 1)], ["small"])
        assert not Upstream.objects.filter(name="spare").exists()


def test_the_files_of_the_documentation_say_the_same_and_can_be_imported(file: Write) -> None:
    blocks = {block.language: block.text for block in page("upstreams").blocks}
    assert "3 added" in run("import_models", file(blocks["toml"]), "--dry-run")[0]
    run("import_models", file(blocks["toml"]))
    assert "0 added, 0 changed" in run("import_models", file(blocks["yaml"], "models.yaml"))[0]


def test_the_documentation_lists_every_field_of_every_table() -> None:
    rows = page("upstreams").rows("As a file")
    assert {code(row[0])[0]: set(code(row[1])) - {"openai"} for row in rows} == {
        table: {field.name for field in fields_of(table)} | set(LISTS if table == "models" else ()) for table in TABLES
    }
