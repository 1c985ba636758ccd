"""All URLs: the OpenAI wire, what people use under /api, OFREP, the admin, the page that accepts invites, the API
document and its pages, health and metrics."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.invite_page import AcceptInviteView
from analytics.dashboard.events import event_charts
from analytics.dashboard.page import usage
from analytics.urls import urlpatterns as analytics_urlpatterns
from api.views import pages
from features.urls import api_urlpatterns
from lukhas_site import health
from lukhas_site.metrics.view import MetricsView

urlpatterns = [
    path("", RedirectView.as_view(url="/docs"), name="home"),
    path("v1/", include("api.urls")),
    path("api/", include("accounts.urls")),
    path("api/", include(api_urlpatterns)),
    path("api/", include(analytics_urlpatterns)),
    path("ofrep/", include("features.urls")),
    path("admin/usage/", admin.site.admin_view(usage), name="usage"),
    path("admin/events/", admin.site.admin_view(event_charts), name="event-charts"),
    path("admin/", admin.site.urls),
    path("docs", pages.SwaggerView.as_view(), name="docs"),
    path("redoc", pages.RedocView.as_view(), name="redoc"),
    path("openapi.json", pages.DocumentView.as_view(), name="schema"),
    path("invites/accept", AcceptInviteView.as_view(), name="accept-invite"),
    path("healthz", health.HealthView.as_view(), name="healthz"),
    path("health", health.HealthAliasView.as_view(), name="health"),
    path("readyz", health.ReadyView.as_view(), name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
]

handler400 = "api.errors.bad_request"
handler403 = "api.errors.forbidden"
handler404 = "api.errors.not_found"
handler500 = "api.errors.crashed"
