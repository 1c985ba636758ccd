"""How tests ask under /api/experiments: in this process, without a socket."""

from typing import Any

from django.test import Client

from accounts.memo import callers
from analytics.models import Experiment
from features.models import Flag, FlagsVersion

PATH = "/api/experiments"


def ask(token: str, method: str, path: str = "", body: Any = None) -> Any:
    """`path` goes on after /api/experiments."""
    callers.forget()
    sent = {} if body is None else {"data": body, "content_type": "application/json"}
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return getattr(Client(), method)(f"{PATH}{path}", headers=headers, **sent)


def error_of(answer: Any, status: int, code: str | None, param: str | None = None) -> str:
    """The message of an error with this status, code and place."""
    assert answer.status_code == status, answer.content
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param), error
    message: str = error["message"]
    return message


def everything() -> Any:
    """All that there is of experiments, and what they change: to be the same after what is refused."""
    rows = (list(model.objects.order_by("pk").values()) for model in (Experiment, Flag))
    return FlagsVersion.current(), *rows
