"""Spend alerts and data retention on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer

from accounts.models import Organization, Project, SpendAlert
from accounts.models.organizations import ProjectRetention, Retention
from accounts.models.telling import MOST_RECIPIENTS
from api.administration.spend_alerts import AskedAlert
from api.administration.spend_limits import CENTS, MOST_CENTS
from api.exceptions import UnsupportedValue
from api.serializers.fields import Integer, Object, OneOf
from api.serializers.organization.bodies import NULLABLE, Body, MailAddresses, Printable

PREFIX_LENGTH = 100
ENHANCED = ("enhanced_zero_data_retention", "enhanced_modified_abuse_monitoring")
"""Of the specification, and without a meaning of their own here."""


class ChannelSerializer(Body):
    """Who is told: by mail, the only channel of the specification."""

    within = "notification_channel."
    type = OneOf(choices=["email"])
    recipients = MailAddresses(min_length=1, max_length=MOST_RECIPIENTS)
    subject_prefix = Printable(**NULLABLE, max_length=PREFIX_LENGTH)


_channel = ChannelSerializer()


@extend_schema_field(
    {
        "type": "object",
        "required": ["type", "recipients"],
        "properties": {
            "type": {"type": "string", "enum": ["email"]},
            "recipients": {
                "type": "array",
                "items": {"type": "string", "format": "email"},
                "minItems": 1,
                "maxItems": MOST_RECIPIENTS,
            },
            "subject_prefix": {"type": "string", "maxLength": PREFIX_LENGTH, "nullable": True},
        },
        "additionalProperties": False,
    }
)
class Channel(Object):
    """`SpendAlertNotificationChannel` of the specification."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return _channel.parse(super().to_internal_value(data))


@extend_schema_serializer(component_name="CreateSpendAlert")
class SpendAlertSerializer(Body):
    """Who is told when so much was spent in a month of UTC."""

    threshold_amount = Integer(min_value=0, max_value=MOST_CENTS, help_text="In whole cents.")
    currency = OneOf(choices=["USD"])
    interval = OneOf(choices=["month"])
    notification_channel = Channel()


class RetentionType(OneOf):
    """A type of data retention. Those of the specification that mean nothing here are said not to be supported."""

    def to_internal_value(self, data: Any) -> str:
        if data in ENHANCED:
            raise UnsupportedValue(f"Unsupported value: '{data}' is not supported by this server.", param=self.param)
        return super().to_internal_value(data)


@extend_schema_serializer(component_name="UpdateOrganizationDataRetention")
class OrganizationRetentionSerializer(Body):
    """What may be kept of what callers send and get."""

    retention_type = RetentionType(choices=Retention.values)


@extend_schema_serializer(component_name="UpdateProjectDataRetention")
class ProjectRetentionSerializer(Body):
    """The same for a project."""

    retention_type = RetentionType(choices=ProjectRetention.values)


_alert, _organization, _project = (
    SpendAlertSerializer(),
    OrganizationRetentionSerializer(),
    ProjectRetentionSerializer(),
)


def parse_spend_alert(body: dict[str, Any]) -> AskedAlert:
    values = _alert.parse(body)
    channel = values["notification_channel"]
    return AskedAlert(values["threshold_amount"], channel["recipients"], channel.get("subject_prefix", ""))


def parse_organization_retention(body: dict[str, Any]) -> str:
    kind: str = _organization.parse(body)["retention_type"]
    return kind


def parse_project_retention(body: dict[str, Any]) -> str:
    kind: str = _project.parse(body)["retention_type"]
    return kind


def spend_alert_object(alert: SpendAlert) -> dict[str, Any]:
    """`OrganizationSpendAlert` or `ProjectSpendAlert`."""
    return {
        "id": alert.public_id,
        "object": "project.spend_alert" if alert.organization_id is None else "organization.spend_alert",
        "threshold_amount": int(alert.threshold * CENTS),
        "currency": "USD",
        "interval": "month",
        "notification_channel": {
            "type": "email",
            "recipients": list(alert.recipients),
            "subject_prefix": alert.subject_prefix or None,
        },
    }


def data_retention_object(scope: Organization | Project) -> dict[str, Any]:
    """`OrganizationDataRetention` or `ProjectDataRetention`."""
    kind = "project" if isinstance(scope, Project) else "organization"
    return {"object": f"{kind}.data_retention", "type": scope.data_retention}
