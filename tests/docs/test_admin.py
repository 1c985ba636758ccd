"""docs/admin.md prints what each page takes as the pages themselves say it."""

from collections.abc import Iterator

from django.contrib import admin

from accounts.reach import Rights, Verb
from accounts.staff import StaffPage
from tests.docs.pages import DOCS

VERBS: tuple[Verb, ...] = ("view", "add", "change", "delete")


def printed() -> Iterator[str]:
    """The rows of the table, made from the pages. Rows that only repeat another place of the same kind are one."""
    for model, page in admin.site._registry.items():
        assert isinstance(page, StaffPage)
        places = page.rights or (Rights("organization", ""),)
        for rights in dict.fromkeys((each.kind, *(each.action(verb) for verb in VERBS)) for each in places):
            kind, *actions = rights
            of = (
                {"organization": "the organisation", "project": "the project"}[str(kind)]
                if page.rights
                else "the server"
            )
            cells = [
                "-" if verb not in page.offers else f"`{action}`" if action else "superuser"
                for verb, action in zip(VERBS, actions, strict=True)
            ]
            name = str(model._meta.verbose_name_plural)
            yield f"| {name[0].upper()}{name[1:]} | {of} | {' | '.join(cells)} |"


def test_the_table_of_pages_is_that_of_the_code() -> None:
    page = (DOCS / "admin.md").read_text()
    table = page[page.index("| page | of |") :].split("\n\n")[0].splitlines()[2:]
    assert sorted(table) == sorted(printed())
