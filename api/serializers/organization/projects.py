"""Projects on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from accounts.models import Project
from api.serializers.organization.bodies import NULLABLE, Body, Name
from api.serializers.organization.times import seconds

ELSEWHERE = frozenset({"external_key_id", "geography", "residency"})
"""Where data is kept and with whose key it is encrypted: here, with nobody's."""


@extend_schema_serializer(component_name="ProjectCreate")
class ProjectCreateSerializer(Body):
    """A new project. `residency`, `geography` and `external_key_id` are not supported."""

    unsupported = ELSEWHERE
    name = Name(help_text="What the project is called. Names need not differ.")


@extend_schema_serializer(component_name="ProjectUpdate")
class ProjectUpdateSerializer(Body):
    """What changes of a project. `external_key_id` is not supported."""

    unsupported = ELSEWHERE
    name = Name(**NULLABLE, help_text="The new name; absent or null, it stays.")


_create, _update = ProjectCreateSerializer(), ProjectUpdateSerializer()


def parse_new_project(body: dict[str, Any]) -> str:
    """The name of the project to be made."""
    name: str = _create.parse(body)["name"]
    return name


def parse_project_change(body: dict[str, Any]) -> str | None:
    """The new name; None where it stays."""
    return _update.parse(body).get("name")


def project_object(project: Project) -> dict[str, Any]:
    """`Project` of the specification."""
    return {
        "id": project.public_id,
        "object": "organization.project",
        "name": project.name,
        "created_at": seconds(project.created_at),
        "archived_at": seconds(project.archived_at),
        "status": "active" if project.archived_at is None else "archived",
    }
