"""Every example of the documentation is run, on the real server."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import call_command

from tests.conftest import MakeKey
from tests.docs import examples
from tests.docs.pages import FENCE, ROOT, Block, Page, pages, read
from tests.docs.test_commands import typed
from tests.serving import Server

KNOWN = {"python", "bash", "json", "console", "text", "ini", "toml", "yaml", "javascript"}

with_python = pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name) for page in pages() if examples.python(page)]
)
apart = [page for page in pages() if examples.python(page) and not examples.is_tutorial(page)]
with_bash = pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name) for page in pages() if examples.bash(page)]
)


@pytest.fixture
def keys(make_key: MakeKey) -> examples.Keys:
    from accounts.bootstrap import ensure_defaults
    from accounts.models import Membership, User

    keys = examples.Keys(make_key(), make_key("administrator", is_admin=True, project=None))
    # Hashed quickly: most pages never ask for it. Who signs in has it hashed anew, as it should be.
    password = PBKDF2PasswordHasher().encode(keys.password, "salt" * 8, iterations=1)
    user = User.objects.create(username=keys.username, email="ann@example.com", password=password)
    Membership.objects.create(user=user, organization=ensure_defaults()[0], role="admin")
    return keys


def prepare(page: Page) -> None:
    """Makes the flags that the page says its examples ask for."""
    for _, line in typed(page):
        _, found, arguments = line.partition("manage.py flag ")
        if found:
            call_command("flag", *shlex.split(arguments), verbosity=0)


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in apart])
def test_the_python_of_a_page_works_as_pasted(page: Page, server: Server, keys: examples.Keys) -> None:
    prepare(page)
    done = examples.run_python(page, server.url, keys)
    assert done.returncode == 0, f"{page.name}\n{done.stderr}"
    lines = done.stdout.splitlines()
    for line in examples.printed(page):
        assert line in lines, f"{page.name} says that it prints {line!r}; it prints:\n{done.stdout}"


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in pages() if examples.is_tutorial(page)])
def test_a_tutorial_goes_as_it_says_from_step_to_step(page: Page, server: Server, keys: examples.Keys) -> None:
    examples.follow(page, server.url, keys)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "```console\n$ .venv/bin/python manage.py set_limit requests/minute 5 --dry-run\nDone.\n```",
            "'Done.' is not",
        ),
        ("```console\n$ ls\n```", "x.md:4"),
        ("```python\nprint(1)\n```\n\n<!-- prints -->\n```text\n2\n```", "prints:\n1\n"),
        ("```python\nprint(1)\n```", "prints:\n1\n"),
    ],
)
def test_a_step_of_a_tutorial_that_goes_otherwise_is_noticed(
    tmp_path: Path, server: Server, keys: examples.Keys, text: str, told: str
) -> None:
    file = tmp_path / "x.md"
    file.write_text(f"# X\n\n{text}\n")
    with pytest.raises(AssertionError, match=re.escape(told)):
        examples.follow(replace(read(file), path=ROOT / file.name), server.url, keys)


@with_python
def test_the_python_of_a_page_can_be_pasted_into_an_interpreter(page: Page) -> None:
    for block in examples.python(page):
        fault = examples.fault_when_pasted(block)
        assert fault is None, f"{page.name}:{fault}"


@with_bash
def test_the_curl_lines_of_a_page_work_as_pasted(page: Page, server: Server, keys: examples.Keys) -> None:
    prepare(page)
    for block in examples.bash(page):
        place = f"{page.name}:{block.line}"
        code, statuses, output = examples.run_bash(block, server.url, keys)
        assert code == 0, f"{place}\n{output}"
        assert statuses, f"{place} asks nothing of the server"
        expected = examples.expected_status(block)
        if expected is None:
            assert max(statuses) < 400, f"{place}\n{output}"
        else:
            assert statuses == [expected], f"{place}\n{output}"
        shown = examples.answer_to(page, block)
        if shown is not None:
            found = examples.difference(shown, json.loads(output))
            assert found is None, f"{place}: {found}"


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in pages() if page.blocks])
def test_every_block_says_what_it_is(page: Page) -> None:
    strange = [f"{page.name}:{block.line}: {block.language!r}" for block in page.blocks if block.language not in KNOWN]
    assert not strange


@pytest.mark.parametrize(
    "name",
    [
        "README",
        "docs/chat",
        "docs/completions",
        "docs/embeddings",
        "docs/features-api",
        "docs/models",
        "docs/moderations",
        "docs/ofrep",
        "docs/privacy",
        "docs/sessions",
    ],
)
def test_every_endpoint_has_examples_in_both(name: str) -> None:
    page = next(page for page in pages() if page.name == f"{name}.md")
    assert examples.python(page)
    assert examples.bash(page)


@pytest.mark.parametrize(
    ("shown", "real", "told"),
    [
        ({"a": 1}, {"a": 2.5}, None),
        ({"a": None}, {"a": None}, None),
        ({"a": 1}, {"a": 1, "b": 2}, "answer has ['a', 'b'], the page shows ['a']"),
        ({"a": [{"b": "x"}]}, {"a": [{"b": 1}]}, "answer.a[0].b is 1, the page shows 'x'"),
        ({"a": "x"}, {"a": None}, "answer.a is None, the page shows 'x'"),
        ([], [1], None),
    ],
)
def test_an_answer_of_another_shape_than_the_page_shows_is_noticed(
    shown: object, real: object, told: str | None
) -> None:
    assert examples.difference(shown, real) == told


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("for x in y:\n    print(x)\n\nprint()\n", None),
        ("for x in y:\n    print(x)\nprint()\n", "3: invalid syntax"),
        ("f(\n    1,\n\n    2,\n)\n", None),
        ("f(\n", "2: the block is not complete"),
    ],
)
def test_a_block_that_an_interpreter_would_refuse_is_noticed(text: str, fault: str | None) -> None:
    assert examples.fault_when_pasted(Block("python", text, 1)) == fault


def test_a_fence_is_recognised_by_its_language_alone() -> None:
    assert FENCE.match("```python")
    assert FENCE.match("```python title=x") is None
