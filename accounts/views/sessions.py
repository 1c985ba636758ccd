"""/api/sessions and /api/password: signing in and out."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.bodies import password_change, sign_in
from accounts.caller_authentication import end_exposed, presented_token
from accounts.exceptions import NotThere
from accounts.models import EndReason, Session
from accounts.sessions.signing_in import change_password, open_session
from accounts.views.base import PersonView


def session_object(session: Session, *, current: bool) -> dict[str, Any]:
    """What is shown of a session. Moments are whole seconds since 1970."""
    return {
        "id": session.public_id,
        "object": "session",
        "device": session.device,
        "address": session.address,
        "created_at": int(session.created_at.timestamp()),
        "last_seen_at": int(session.last_seen_at.timestamp()),
        "idle_expires_at": int(min(session.idle_expires_at, session.expires_at).timestamp()),
        "expires_at": int(session.expires_at.timestamp()),
        "current": current,
    }


class SessionListView(PersonView):
    """The sessions of whoever signed in; a new one for whoever does."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Nobody is signed in before signing in: what is presented then does not matter."""
        asked = cast(HttpRequest | None, self.request)  # none while the API document is made
        return [] if asked is not None and asked.method == "POST" else super().get_authenticators()

    def get(self, request: Request) -> HttpResponse:
        self.refuse_query()
        mine = self.user.sessions.open().order_by("-created_at", "-pk")
        data = [session_object(each, current=each == self.session) for each in mine]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}  # there is the one that asks, at least
        return self.answer({"object": "list", "data": data, **ends, "has_more": False})

    def post(self, request: Request) -> HttpResponse:
        end_exposed(request)
        self.refuse_query()
        body = sign_in.parse(self.body)
        session, token = open_session(
            self.bare, body["username"], body["password"], instead_of=presented_token(request)
        )
        return self.answer({**session_object(session, current=True), "token": token}, status=201)

    def delete(self, request: Request) -> HttpResponse:
        self.refuse_query()
        ended = self.user.sessions.open().exclude(pk=self.session.pk).end(EndReason.REVOKED)
        return self.answer({"object": "session.list.deleted", "deleted": True, "count": ended})


class SessionView(PersonView):
    """One of one's own sessions."""

    def find(self, session_id: str) -> Session:
        """Raises NotThere, also for one that is over, or another user's."""
        session = None
        if session_id.isascii() and session_id.isprintable():  # anything else no database needs to be asked for
            session = self.user.sessions.open().filter(public_id=session_id).first()
        if session is None:
            raise NotThere("session", session_id)
        return session

    def get(self, request: Request, session_id: str) -> HttpResponse:
        self.refuse_query()
        session = self.find(session_id)
        return self.answer(session_object(session, current=session == self.session))

    def delete(self, request: Request, session_id: str) -> HttpResponse:
        self.refuse_query()
        session = self.find(session_id)
        session.end(EndReason.LOGOUT if session == self.session else EndReason.REVOKED)
        return self.answer({"id": session.public_id, "object": "session.deleted", "deleted": True})


class PasswordView(PersonView):
    """A new password, given by whoever knows the old one."""

    def post(self, request: Request) -> HttpResponse:
        self.refuse_query()
        body = password_change.parse(self.body)
        ended = change_password(self.bare, self.session, body["old_password"], body["new_password"])
        return self.answer({"object": "password", "changed": True, "sessions_ended": ended})
