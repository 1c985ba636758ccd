"""Every example of the documentation is run, on the real server."""

import json

import pytest

from tests.conftest import MakeKey
from tests.docs import examples
from tests.docs.pages import FENCE, Block, Page, pages
from tests.serving import Server

KNOWN = {"python", "bash", "json", "console", "text", "ini", "yaml"}

with_python = pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name) for page in pages() if examples.python(page)]
)
with_bash = pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name) for page in pages() if examples.bash(page)]
)


@pytest.fixture
def keys(make_key: MakeKey) -> examples.Keys:
    return examples.Keys(make_key(), make_key("administrator", is_admin=True, project=None))


@with_python
def test_the_python_of_a_page_works_as_pasted(page: Page, server: Server, keys: examples.Keys) -> None:
    done = examples.run_python(page, server.url, keys)
    assert done.returncode == 0, f"{page.name}\n{done.stderr}"
    lines = done.stdout.splitlines()
    for line in examples.printed(page):
        assert line in lines, f"{page.name} says that it prints {line!r}; it prints:\n{done.stdout}"


@with_python
def test_the_python_of_a_page_can_be_pasted_into_an_interpreter(page: Page) -> None:
    for block in examples.python(page):
        fault = examples.fault_when_pasted(block)
        assert fault is None, f"{page.name}:{fault}"


@with_bash
def test_the_curl_lines_of_a_page_work_as_pasted(page: Page, server: Server, keys: examples.Keys) -> None:
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


@pytest.mark.parametrize("name", ["README", "docs/chat", "docs/completions", "docs/embeddings", "docs/models"])
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
