"""What may be kept of what callers send and get."""

from accounts.models import Organization, Project
from api.administration.projects import check_open
from api.administration.rows import saved


def set_retention(scope: Organization | Project, kind: str) -> None:
    """Sets what may be kept of an organisation or a project. Raises InvalidRequest for an archived project."""
    if isinstance(scope, Project):
        check_open(scope)
    scope.data_retention = kind
    saved(scope, "data_retention")
