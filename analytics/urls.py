"""What analytics answers under /api."""

from django.urls import path

from analytics.views.erasure import ErasureView
from analytics.views.events import EventsView
from analytics.views.experiments import ExperimentListView, ExperimentView, ResultsView
from analytics.views.guards import GuardView
from analytics.views.metrics import MetricsView
from analytics.views.privacy import PrivacyView

urlpatterns = [
    path("analytics/data", ErasureView.as_view(), name="analytics-data"),
    path("analytics/events", EventsView.as_view(), name="analytics-events"),
    path("analytics/metrics", MetricsView.as_view(), name="analytics-metrics"),
    path("analytics/privacy", PrivacyView.as_view(), name="analytics-privacy"),
    path("experiments", ExperimentListView.as_view(), name="experiments"),
    path("experiments/<str:id>", ExperimentView.as_view(), name="experiment"),
    path("experiments/<str:id>/results", ResultsView.as_view(), name="experiment-results"),
    path("features/<str:key>/guard", GuardView.as_view(), name="feature-guard"),
]
