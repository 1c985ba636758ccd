"""docs/errors.md lists every error that can be told."""

import re
from collections.abc import Iterator
from typing import Any

import accounts.exceptions as accounts
from api import exceptions as wire
from api.errors import VALIDATION_CODES
from api.refusals import RateLimited
from api.serializers.fields import check_length, check_range
from features.exceptions import PreconditionFailed
from features.protection import EnvironmentProtected
from lukhas_site.http.problems import ServerStopping
from tests.docs.pages import ROOT, code, page

Row = tuple[int, str, str | None]


def documented() -> set[Row]:
    """Status, type and code of every line of the table; a line may name several types or codes."""
    found: set[Row] = set()
    for status, types, codes, _ in page("errors").rows("The table"):
        named: list[str | None] = [*code(codes)]
        for type_ in code(types):
            for one in named or [None]:
                found.add((int(status), type_, one))
    return found


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def raised() -> set[Row]:
    """Status, type and code of every exception class of ours that is raised as it is."""
    classes = [one for one in subclasses(wire.APIError) if one.__module__ in {"api.exceptions", "api.refusals"}]
    # These two take their code, or their type, when they are raised.
    taking = {wire.Conflict, RateLimited}
    rows = {(one.status_code, one.type, one.code) for one in classes if one not in taking}
    rows |= {(429, unit, RateLimited.code) for unit in ("requests", "tokens")}
    refusals: list[type[Any]] = [*subclasses(accounts.Refused), accounts.ScopeMissing]
    refusals += [EnvironmentProtected, PreconditionFailed, ServerStopping]
    for one in refusals:
        rows.add((one.status_code, one.type, one.code))
    return rows


def codes_in_source() -> set[str]:
    """Every code that source writes down as a literal."""
    pattern = re.compile(r"""\bcode(?::\s[\w |]+)?\s*=\s*"([a-z_]+)\"""")
    views = (ROOT / "accounts" / "views").rglob("*.py")
    features = [ROOT / "features" / name for name in ("editing.py", "exceptions.py", "protection.py")]
    features += (ROOT / "features" / "views").glob("*.py")
    modules = [*(ROOT / "api").rglob("*.py"), *views, ROOT / "accounts" / "exceptions.py", *features]
    apart = {ROOT / "api" / name for name in ("validators.py", "checks.py", "admin.py")}
    written = {found for path in modules if path not in apart for found in pattern.findall(path.read_text())}
    return {VALIDATION_CODES.get(code, code) for code in written}  # DRF's words become the wire's


def test_every_exception_of_ours_has_a_row() -> None:
    assert raised() - documented() == set()


def test_every_code_that_the_source_writes_has_a_row() -> None:
    shown = {code for _, _, code in documented()}
    assert codes_in_source() - shown == set()


def test_every_code_that_lengths_and_ranges_give_has_a_row() -> None:
    shown = {code for _, _, code in documented()}
    given = set()
    for what in ("array", "string"):
        for items, least, most in (("", 1, None), ("a", 2, None), ("abc", 0, 2)):
            given.add(code_of(check_length, "p", items, least, most, what))
    for kind in ("integer", "decimal"):
        given |= {code_of(check_range, "p", 5, 0, 1, kind), code_of(check_range, "p", -5, 0, 1, kind)}
    assert len(given) == 10
    assert given <= shown


def code_of(check: object, *arguments: object) -> str | None:
    """The code of the error that a check raises."""
    assert callable(check)
    try:
        check(*arguments)
    except wire.APIError as error:
        return error.code
    raise AssertionError("nothing was raised")


def test_every_row_is_of_an_error_that_there_is() -> None:
    codes = codes_in_source() | {None} | {code for _, _, code in raised()}
    kinds = ("integer", "decimal")
    codes |= {f"{kind}_{end}_value" for kind in kinds for end in ("above_max", "below_min")}
    codes |= {f"{what}_{end}_length" for what in ("array", "string") for end in ("above_max", "below_min")}
    codes |= {"empty_array", "empty_string"}
    assert {code for _, _, code in documented()} - codes == set()
