"""DELETE /api/sessions: signing out everywhere else."""

from accounts.models import AuditEvent, User
from tests.accounts.sessions.conftest import SignIn, check_over, check_works, error_of


def test_all_others_of_ones_own_end_and_nobody_elses(ann: User, bob: User, sign_in: SignIn) -> None:
    mine, theirs = sign_in(ann), sign_in(bob)
    others = [sign_in(ann) for _ in range(3)]
    others[0].session.end("logout")
    answer = mine.client.delete("/api/sessions")
    assert answer.json() == {"object": "session.list.deleted", "deleted": True, "count": 2}
    for each in others:
        check_over(each)
    check_works(mine)
    check_works(theirs)
    assert AuditEvent.objects.filter(type="session.ended").count() == 2
    assert mine.client.delete("/api/sessions").json()["count"] == 0


def test_a_parameter_is_refused_and_ends_nothing(ann: User, sign_in: SignIn) -> None:
    mine, other = sign_in(ann), sign_in(ann)
    assert error_of(mine.client.delete("/api/sessions?user=bob"), 400)["param"] == "user"
    check_works(other)
