"""The Django app of feature flags."""

from django.apps import AppConfig


class FeaturesConfig(AppConfig):
    name = "features"
