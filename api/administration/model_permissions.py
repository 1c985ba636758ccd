"""Which models a project may use."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import Project
from api.administration.projects import check_open
from api.administration.rows import made
from api.exceptions import InvalidValue
from api.models import Alias, Model, ModelPermissions


@dataclass(frozen=True, slots=True)
class Policy:
    """`mode` is `allow_list` or `deny_list`."""

    mode: str
    model_ids: Sequence[str]


EVERYTHING = Policy(ModelPermissions.Mode.DENY, ())
"""What holds for a project of which nothing was said: nothing is denied."""


def permissions_of(project: Project) -> Policy:
    """What the project may use."""
    row = ModelPermissions.objects.filter(project=project).first()
    return EVERYTHING if row is None else Policy(row.mode, row.model_ids)


def set_permissions(project: Project, mode: str, model_ids: Sequence[str]) -> Policy:
    """Replaces what an open project may use, and returns it. Other processes know within two seconds.

    Raises InvalidValue for a name that is neither a model's nor an alias's: a slip of the pen would deny nothing.
    Raises InvalidRequest for an archived project.
    """
    check_open(project)
    wanted = list(dict.fromkeys(model_ids))
    possible = [name for name in wanted if name.isprintable()]  # no database needs to be asked for anything else
    known = set(Model.objects.filter(model_id__in=possible).values_list("model_id", flat=True))
    known |= set(Alias.objects.filter(name__in=possible).values_list("name", flat=True))
    for at, name in enumerate(model_ids):
        if name not in known:
            raise InvalidValue(
                f"Invalid 'model_ids[{at}]': there is no model or alias '{name[:64]}'.", param=f"model_ids[{at}]"
            )
    made(lambda: _put(project, mode, wanted))
    return Policy(mode, wanted)


def _put(project: Project, mode: str, model_ids: list[str]) -> None:
    row = ModelPermissions.objects.filter(project=project).first() or ModelPermissions(project=project)
    row.mode, row.model_ids = mode, model_ids
    row.full_clean()
    row.save()


def remove_permissions(project: Project) -> None:
    """Lets the project use everything again; nothing changes where it may already."""
    row = ModelPermissions.objects.filter(project=project).first()
    if row is not None:
        row.delete()
