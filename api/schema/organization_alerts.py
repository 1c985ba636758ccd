"""What the OpenAPI document says of spend alerts and data retention: more decorators of the Admin API's views."""

from typing import Any

from rest_framework import serializers

from accounts.models.organizations import ProjectRetention, Retention
from api.schema import organization_shapes as shapes
from api.schema.organization import AFTER, BEFORE, IN_PROJECT, ORDER, deletion, limit, operation
from api.schema.shapes import NULLABLE, Shape, constant, integer, shape, text
from api.serializers.organization import alerts

PAGE = [AFTER, BEFORE, limit(), ORDER]
BODY = {
    "A thousand dollars": {
        "threshold_amount": 100_000,
        "currency": "USD",
        "interval": "month",
        "notification_channel": {
            "type": "email",
            "recipients": ["finance@example.com"],
            "subject_prefix": "Spend alert",
        },
    },
    "Whatever is spent first": {
        "threshold_amount": 0,
        "currency": "USD",
        "interval": "month",
        "notification_channel": {"type": "email", "recipients": ["ops@example.com"]},
    },
}
Channel = shape(
    "SpendAlertNotificationChannel",
    "Who is told by mail.",
    {
        "type": constant("email"),
        "recipients": serializers.ListField(child=serializers.EmailField()),
        "subject_prefix": text("What the subject begins with.", **NULLABLE),
    },
)


def spend_alert(name: str, kind: str) -> Shape:
    return shape(
        name,
        "Who is told when so much was spent in a month of UTC.",
        {
            "id": text(),
            "object": constant(kind),
            "threshold_amount": integer("In cents."),
            "currency": constant("USD"),
            "interval": constant("month"),
            "notification_channel": Channel(),
        },
    )


def alert_of(kind: str) -> dict[str, Any]:
    """The example."""
    return {"id": "alert_Tg5RfVb4Ec3WsXz2QaYhN6Uj", "object": kind, **BODY["A thousand dollars"]}


def retention(name: str, kind: str, *choices: str) -> Shape:
    return shape(
        name,
        "What may be kept of what callers send and get.",
        {"object": constant(kind), "type": shapes.one_of(*choices)},
    )


OrganizationSpendAlert = spend_alert("OrganizationSpendAlert", "organization.spend_alert")
ProjectSpendAlert = spend_alert("ProjectSpendAlert", "project.spend_alert")
OF_ORGANIZATION, OF_PROJECT = alert_of("organization.spend_alert"), alert_of("project.spend_alert")
OrganizationDataRetention = retention("OrganizationDataRetention", "organization.data_retention", *Retention.values)
ProjectDataRetention = retention("ProjectDataRetention", "project.data_retention", *ProjectRetention.values)
RETENTION = {"Nothing": {"retention_type": "zero_data_retention"}}
ORGANIZATION_RETENTION = {"object": "organization.data_retention", "type": "zero_data_retention"}
PROJECT_RETENTION = {"object": "project.data_retention", "type": "organization_default"}
ALERT, PROJECT_ALERT = ("alert_id",), (*IN_PROJECT, "alert_id")

list_organization_alerts = operation(
    "list-organization-spend-alerts",
    "List the spend alerts of the organisation",
    shapes.listed("OrganizationSpendAlertListResponse", OrganizationSpendAlert),
    shapes.page(OF_ORGANIZATION),
    query=PAGE,
)
create_organization_alert = operation(
    "create-organization-spend-alert",
    "Have somebody told of what the organisation spends",
    OrganizationSpendAlert,
    OF_ORGANIZATION,
    body=(alerts.SpendAlertSerializer, BODY),
)
retrieve_organization_alert = operation(
    "retrieve-organization-spend-alert",
    "Retrieve a spend alert of the organisation",
    OrganizationSpendAlert,
    OF_ORGANIZATION,
    inside=ALERT,
)
update_organization_alert = operation(
    "update-organization-spend-alert",
    "Replace a spend alert of the organisation",
    OrganizationSpendAlert,
    OF_ORGANIZATION,
    inside=ALERT,
    body=(alerts.SpendAlertSerializer, BODY),
)
delete_organization_alert = operation(
    "delete-organization-spend-alert",
    "Delete a spend alert of the organisation",
    shapes.deletion("OrganizationSpendAlertDeleted", "organization.spend_alert"),
    deletion("organization.spend_alert", OF_ORGANIZATION["id"]),
    inside=ALERT,
)
list_project_alerts = operation(
    "list-project-spend-alerts",
    "List the spend alerts of a project",
    shapes.listed("ProjectSpendAlertListResponse", ProjectSpendAlert),
    shapes.page(OF_PROJECT),
    inside=IN_PROJECT,
    query=PAGE,
)
create_project_alert = operation(
    "create-project-spend-alert",
    "Have somebody told of what a project spends",
    ProjectSpendAlert,
    OF_PROJECT,
    inside=IN_PROJECT,
    body=(alerts.SpendAlertSerializer, BODY),
)
retrieve_project_alert = operation(
    "retrieve-project-spend-alert",
    "Retrieve a spend alert of a project",
    ProjectSpendAlert,
    OF_PROJECT,
    inside=PROJECT_ALERT,
)
update_project_alert = operation(
    "update-project-spend-alert",
    "Replace a spend alert of a project",
    ProjectSpendAlert,
    OF_PROJECT,
    inside=PROJECT_ALERT,
    body=(alerts.SpendAlertSerializer, BODY),
)
delete_project_alert = operation(
    "delete-project-spend-alert",
    "Delete a spend alert of a project",
    shapes.deletion("ProjectSpendAlertDeleted", "project.spend_alert"),
    deletion("project.spend_alert", OF_PROJECT["id"]),
    inside=PROJECT_ALERT,
)
retrieve_organization_retention = operation(
    "retrieve-organization-data-retention",
    "Retrieve what may be kept of what the organisation's callers send and get",
    OrganizationDataRetention,
    ORGANIZATION_RETENTION,
)
update_organization_retention = operation(
    "update-organization-data-retention",
    "Set what may be kept of what the organisation's callers send and get",
    OrganizationDataRetention,
    ORGANIZATION_RETENTION,
    body=(alerts.OrganizationRetentionSerializer, RETENTION),
)
retrieve_project_retention = operation(
    "retrieve-project-data-retention",
    "Retrieve what may be kept of what a project's callers send and get",
    ProjectDataRetention,
    PROJECT_RETENTION,
    inside=IN_PROJECT,
)
update_project_retention = operation(
    "update-project-data-retention",
    "Set what may be kept of what a project's callers send and get",
    ProjectDataRetention,
    {**PROJECT_RETENTION, "type": "zero_data_retention"},
    inside=IN_PROJECT,
    body=(alerts.ProjectRetentionSerializer, RETENTION),
)
