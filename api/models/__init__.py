"""The model catalog: upstreams that answer, models they answer as, and aliases for models; where else a model is
reached, and who answers in its place."""

from api.models.catalog import CAPABILITIES, Alias, CatalogQuerySet, Model, ModelQuerySet, is_name
from api.models.deployments import Deployment, Fallback
from api.models.permissions import ModelPermissions
from api.models.upstreams import LIMITS, Upstream

__all__ = [
    "CAPABILITIES",
    "LIMITS",
    "Alias",
    "CatalogQuerySet",
    "Deployment",
    "Fallback",
    "Model",
    "ModelPermissions",
    "ModelQuerySet",
    "Upstream",
    "is_name",
]
