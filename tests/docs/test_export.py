"""docs/export.md tells the columns of each kind of export, in their order."""

from analytics.exporting.kinds import KINDS
from tests.docs.pages import CODE, page


def told() -> dict[str, list[str]]:
    """The columns that stand in the tables, by the headings above them."""
    found: dict[str, list[str]] = {}
    columns: list[str] = []
    for _, line in page("export").prose:
        if line.startswith("#"):
            columns = []
        if line.startswith("### "):
            found[line[4:]] = columns
        elif line.startswith("| `"):
            columns += CODE.findall(line.split("|")[1])
    return found


def test_every_kind_has_a_section_with_its_columns_in_their_order() -> None:
    assert told() == {name: list(kind.names) for name, kind in KINDS.items()}
