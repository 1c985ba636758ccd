"""docs/settings.md lists every setting, with its default."""

import ast
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT, code, page

SOURCE = ("accounts", "analytics", "api", "features", "lukhas_site")
UNSET = object()
# What the process sets for others to read, and the name of the settings module itself.
NOT_OURS = {"DJANGO_SETTINGS_MODULE", "TOKENIZERS_PARALLELISM"}
# Defaults that are not written as a literal.
COMPUTED = {
    "LUKHAS_DATA_DIR": "var",
    "LUKHAS_JOURNAL_DIR": "var/journal",
    "TIKTOKEN_CACHE_DIR": "var/encodings",
}


def constant(node: ast.expr) -> object:
    """The value of an expression made of literals, else UNSET."""
    try:
        return eval(compile(ast.Expression(node), "default", "eval"), {"__builtins__": {}})
    except NameError:
        return UNSET


def read_through_environ() -> Iterator[tuple[str, object]]:
    """Name and default of every `env.…("NAME", default=…)` in the settings file."""
    for node in ast.walk(ast.parse((ROOT / "lukhas_site" / "settings.py").read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "env" and node.args:
            name = constant(node.args[0])
            defaults = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
            if isinstance(name, str):
                yield name, constant(defaults[0]) if defaults else UNSET


def read_directly() -> set[str]:
    """Every variable that source reads or sets by a literal name in os.environ, or lists as one to be read."""
    found: set[str] = set()
    for folder in SOURCE:
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            found |= set(re.findall(r"environ(?:\.get|\.setdefault)?[(\[]\s*\"([A-Z_]+)\"", text))
            found |= set(re.findall(r"\"(OTEL_[A-Z_]+)\"", text))
    return found - NOT_OURS


def variables_of_make() -> dict[str, str]:
    """What the Makefile lets a caller set, and its default."""
    return dict(re.findall(r"^([A-Z]+) \?= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def documented() -> dict[str, str]:
    """Name and default cell of every row."""
    rows = page("settings").rows()
    names = [code(row[0])[0] for row in rows]
    assert len(names) == len(set(names)), "a setting is documented twice"
    return dict(zip(names, (row[1] for row in rows), strict=True))


def as_text(default: object) -> str:
    """A default as the page shows it."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        default = ",".join(default)
    return f"`{default}`" if default != "" else "empty"


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    real = {name for name, _ in read_through_environ()} | read_directly() | set(variables_of_make())
    assert set(documented()) == real


def test_every_default_is_the_one_in_the_code() -> None:
    shown = documented()
    real = dict(read_through_environ()) | variables_of_make()
    wrong = [
        f"{name}: {shown[name]} on the page, {expected} in the code"
        for name, default in real.items()
        if default is not UNSET or name in COMPUTED
        for expected in [f"`{COMPUTED[name]}`" if name in COMPUTED else as_text(default)]
        if shown[name] != expected
    ]
    assert not wrong


def test_the_settings_of_ours_that_are_set_in_code_are_named() -> None:
    tree = ast.parse((ROOT / "lukhas_site" / "settings.py").read_text())
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    named = {name for _, line in page("settings").prose for name in code(line)}
    assert {name for name in assigned if name.startswith("LUKHAS_")} <= named


def test_every_row_says_what_the_setting_means() -> None:
    assert [row for row in page("settings").rows() if not row[2]] == []
