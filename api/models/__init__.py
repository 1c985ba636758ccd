"""The model catalog: upstreams that answer, models they answer as, and aliases for models; where else a model is
reached, and who answers in its place; and policies that may refuse requests."""

from api.models.catalog import CAPABILITIES, Alias, CatalogQuerySet, Model, ModelQuerySet, is_name
from api.models.deployments import Deployment, Fallback
from api.models.permissions import ModelPermissions
from api.models.policies import Policy, PolicyKind, PolicyMode
from api.models.upstreams import LIMITS, Upstream
from api.models.vetoes import Veto

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
    "Policy",
    "PolicyKind",
    "PolicyMode",
    "Upstream",
    "Veto",
    "is_name",
]
