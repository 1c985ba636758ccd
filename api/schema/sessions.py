"""What the OpenAPI document says of /api/sessions and /api/password, whose views know nothing of it."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import Throttled, UnsupportedMediaType, ValidationError

from accounts.bodies import PasswordChange, SignIn
from accounts.exceptions import LoginFailed, LoginLocked, NotThere, SessionInvalid, SessionMissing
from accounts.views.sessions import PasswordView, SessionListView, SessionView
from api import exceptions as wire
from api.schema.errors import ANYWHERE, DESCRIPTIONS, NOT_JSON, Examples, responses
from api.schema.shapes import Shape, answers, constant, created, integer, requests, shape, text

TAG = "Sessions"
ID: Final = OpenApiParameter("session_id", str, OpenApiParameter.PATH, description="The id of one's own session.")
MOMENT = 1764028800
SESSION_DESCRIPTIONS: Mapping[int, str] = {
    **DESCRIPTIONS,
    401: "Nobody is signed in: there is no token of a session, or one that is over.",
    404: "There is no such session, or it is over, or another user's.",
}
UNKNOWN = ValidationError({"colour": ["Nobody knows it."]}, code="unknown_parameter")
EVERY: Mapping[int, Examples] = {
    **ANYWHERE,
    400: {**ANYWHERE[400], "Unknown parameter": UNKNOWN},
    429: {"Too many requests": Throttled(wait=17)},
    503: {"Database away": wire.Overloaded("The database is not reachable.")},
}
SIGNED_IN: Mapping[int, Examples] = {401: {"No session": SessionMissing(), "Session over": SessionInvalid()}}
MISSING: Mapping[int, Examples] = {404: {"Not there": NotThere("session", "sess_unknown")}}
WITH_BODY: Mapping[int, Examples] = {
    400: {**NOT_JSON, "Missing parameter": wire.MissingParameter("password")},
    415: {"Not JSON": UnsupportedMediaType("text/plain")},
}
LOCKED: Mapping[int, Examples] = {429: {"Too many failures": LoginLocked(893)}}
WRONG: Mapping[int, Examples] = {401: {"Wrong": LoginFailed()}}
UNFIT: Mapping[int, Examples] = {
    400: {
        "Wrong old password": ValidationError({"old_password": ["This is not your password."]}),
        "New password too short": ValidationError(
            {"new_password": ["This password is too short. It must contain at least 12 characters."]}
        ),
    }
}

FIELDS: Mapping[str, Any] = {
    "id": text(),
    "object": constant("session"),
    "device": text("Browser family and operating system: `Firefox on Linux`."),
    "address": text("The network that it was opened from: /24, or /48 of IPv6. Empty where it is not known."),
    "created_at": created(),
    "last_seen_at": integer("When it was last used, to the minute, in seconds since 1970."),
    "idle_expires_at": integer("When it ends unless it is used before, in seconds since 1970."),
    "expires_at": integer("When it ends in any case, in seconds since 1970."),
    "current": serializers.BooleanField(help_text="Whether it is the one that asks."),
}
SessionShape = shape("Session", "Somebody who signed in.", FIELDS)
NewSession = shape(
    "NewSession",
    "A session, and its token, the only time that it is shown.",
    {**FIELDS, "token": text("The token. Nothing can show it again.")},
)
SESSION: dict[str, Any] = {
    "id": "sess_Rw3kTn8Yb5Vc1Qm7Zx2Lp9Hd",
    "object": "session",
    "device": "Firefox on Linux",
    "address": "203.0.113.0/24",
    "created_at": MOMENT,
    "last_seen_at": MOMENT + 3_600,
    "idle_expires_at": MOMENT + 32_400,
    "expires_at": MOMENT + 604_800,
    "current": True,
}
SessionList = shape(
    "SessionList",
    "All sessions of a user that work, the newest first.",
    {
        "object": constant("list"),
        "data": SessionShape(many=True),
        "first_id": text("The id of the first."),
        "last_id": text("The id of the last."),
        "has_more": serializers.BooleanField(help_text="Always false: there are few, and all are told."),
    },
)
LIST = {
    "object": "list",
    "data": [SESSION],
    "first_id": SESSION["id"],
    "last_id": SESSION["id"],
    "has_more": False,
}
Ended = shape(
    "SessionDeleted",
    "It has ended.",
    {"id": text("Which."), "object": constant("session.deleted"), "deleted": serializers.BooleanField()},
)
OthersEnded = shape(
    "SessionListDeleted",
    "All others have ended.",
    {
        "object": constant("session.list.deleted"),
        "deleted": serializers.BooleanField(),
        "count": integer("How many there were."),
    },
)
Changed = shape(
    "PasswordChanged",
    "The new password holds.",
    {
        "object": constant("password"),
        "changed": serializers.BooleanField(),
        "sessions_ended": integer("How many other sessions have ended with the old one."),
    },
)


def operation(
    operation_id: str,
    summary: str,
    answer: tuple[Shape, Mapping[str, Any]],
    *tables: Mapping[int, Examples],
    status: int = 200,
    **more: Any,
) -> Any:
    """The decorator of an operation that answers this shape, as in the example; `tables` are the errors beyond those
    that any can give."""
    good = OpenApiResponse(answer[0], description="It is done.", examples=answers({"Example": answer[1]}))
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=[TAG],
        responses={status: good, **responses(EVERY, *tables, descriptions=SESSION_DESCRIPTIONS)},
        **{"request": None, **more},
    )


DOCUMENTED = (
    extend_schema_view(
        get=operation("listSessions", "List one's sessions", (SessionList, LIST), SIGNED_IN),
        post=operation(
            "createSession",
            "Sign in",
            (NewSession, {**SESSION, "token": "st-lukhas-Qw9e…"}),
            WITH_BODY,
            WRONG,
            LOCKED,
            status=201,
            request=SignIn,
            examples=requests({"Name and password": {"username": "ann", "password": "correct horse battery staple"}}),
            auth=[],
        ),
        delete=operation(
            "deleteOtherSessions",
            "Sign out everywhere else",
            (OthersEnded, {"object": "session.list.deleted", "deleted": True, "count": 2}),
            SIGNED_IN,
        ),
    )(SessionListView),
    extend_schema_view(
        get=operation(
            "retrieveSession", "Retrieve a session", (SessionShape, SESSION), SIGNED_IN, MISSING, parameters=[ID]
        ),
        delete=operation(
            "deleteSession",
            "End a session: sign out",
            (Ended, {"id": SESSION["id"], "object": "session.deleted", "deleted": True}),
            SIGNED_IN,
            MISSING,
            parameters=[ID],
        ),
    )(SessionView),
    extend_schema_view(
        post=operation(
            "changePassword",
            "Change one's password",
            (Changed, {"object": "password", "changed": True, "sessions_ended": 1}),
            WITH_BODY,
            UNFIT,
            SIGNED_IN,
            LOCKED,
            request=PasswordChange,
            examples=requests(
                {"A new one": {"old_password": "correct horse battery staple", "new_password": "four other words here"}}
            ),
        )
    )(PasswordView),
)
"""Those views, described: decorating changes them where they are."""
