"""Every URL under /v1/organization/. What is not here is refused by name, in the envelope."""

from django.urls import path, re_path

from api.views.organization.api_keys import AdminKeyListView, AdminKeyView, ProjectKeyListView, ProjectKeyView
from api.views.organization.audit_logs import AuditLogListView
from api.views.organization.base import UnsupportedView
from api.views.organization.limits import (
    ModelPermissionsView,
    OrganizationSpendLimitView,
    ProjectSpendLimitView,
    RateLimitListView,
    RateLimitView,
)
from api.views.organization.projects import ProjectArchiveView, ProjectListView, ProjectView
from api.views.organization.service_accounts import (
    ServiceAccountKeyListView,
    ServiceAccountListView,
    ServiceAccountView,
)

PROJECT = "projects/<str:project_id>"
ACCOUNT = f"{PROJECT}/service_accounts/<str:service_account_id>"

urlpatterns = [
    path("admin_api_keys", AdminKeyListView.as_view(), name="admin-api-keys"),
    path("admin_api_keys/<str:key_id>", AdminKeyView.as_view(), name="admin-api-key"),
    path("audit_logs", AuditLogListView.as_view(), name="audit-logs"),
    path("spend_limit", OrganizationSpendLimitView.as_view(), name="organization-spend-limit"),
    path("projects", ProjectListView.as_view(), name="projects"),
    path(PROJECT, ProjectView.as_view(), name="project"),
    path(f"{PROJECT}/archive", ProjectArchiveView.as_view(), name="project-archive"),
    path(f"{PROJECT}/service_accounts", ServiceAccountListView.as_view(), name="service-accounts"),
    path(ACCOUNT, ServiceAccountView.as_view(), name="service-account"),
    path(f"{ACCOUNT}/api_keys", ServiceAccountKeyListView.as_view(), name="service-account-keys"),
    path(f"{PROJECT}/api_keys", ProjectKeyListView.as_view(), name="project-api-keys"),
    path(f"{PROJECT}/api_keys/<str:api_key_id>", ProjectKeyView.as_view(), name="project-api-key"),
    path(f"{PROJECT}/rate_limits", RateLimitListView.as_view(), name="rate-limits"),
    path(f"{PROJECT}/rate_limits/<str:rate_limit_id>", RateLimitView.as_view(), name="rate-limit"),
    path(f"{PROJECT}/spend_limit", ProjectSpendLimitView.as_view(), name="project-spend-limit"),
    path(f"{PROJECT}/model_permissions", ModelPermissionsView.as_view(), name="model-permissions"),
    re_path(r"^(?P<rest>.*)\Z", UnsupportedView.as_view(), name="unsupported"),
]
