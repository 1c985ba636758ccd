"""All URLs: the OpenAI wire, the admin, the API document and its pages, and health."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from api.views import pages
from lukhas_site import health

urlpatterns = [
    path("", RedirectView.as_view(url="/docs"), name="home"),
    path("v1/", include("api.urls")),
    path("admin/", admin.site.urls),
    path("docs", pages.SwaggerView.as_view(), name="docs"),
    path("redoc", pages.RedocView.as_view(), name="redoc"),
    path("openapi.json", pages.DocumentView.as_view(), name="schema"),
    path("healthz", health.HealthView.as_view(), name="healthz"),
    path("health", health.HealthAliasView.as_view(), name="health"),
    path("readyz", health.ReadyView.as_view(), name="readyz"),
]

handler400 = "api.errors.bad_request"
handler403 = "api.errors.forbidden"
handler404 = "api.errors.not_found"
handler500 = "api.errors.crashed"
