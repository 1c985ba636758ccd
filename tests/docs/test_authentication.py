"""docs/authentication.md prints the table of scopes."""

from accounts.memo import MAX_AGE
from accounts.scopes import SCOPES
from tests.docs.pages import code, page


def test_the_table_of_scopes_is_the_one_in_the_code() -> None:
    shown = {code(row[0])[0]: row[1] for row in page("authentication").rows("Scopes")}
    assert shown == SCOPES


def test_the_page_states_the_revocation_lag_in_force() -> None:
    words = {4.0: "four"}
    text = page("authentication").path.read_text()
    assert f"at most {words[MAX_AGE]} seconds" in text
