"""The taxonomies in force, by organisation, as events are judged by them: remembered in this process."""

import structlog
from django.apps import apps

from analytics.remembering import PerProject
from analytics.taxonomy import Name, NotASchema, Validator, Vocabulary, compiled, never

log = structlog.get_logger(__name__)


def read(organization_id: str) -> Vocabulary:
    """Reads the names of an organisation, by its public id: one query."""
    names = apps.get_model("analytics", "EventName").objects.filter(organization__public_id=organization_id)
    rows = names.order_by().values_list("name", "properties", "hourly_limit")
    return {name: Name(check_of(name, schema), limit or 0) for name, schema, limit in rows}


def check_of(name: str, schema: object) -> Validator | None:
    """Returns the check of a schema that was good when it was saved; one that can no longer be used lets nothing in."""
    try:
        return compiled(schema)
    except NotASchema as error:
        log.error("event_schema_not_usable", event_name=name, reason=str(error))
        return never


vocabularies = PerProject[Vocabulary](read)
"""Those that this process remembers, by the public id of the organisation."""
