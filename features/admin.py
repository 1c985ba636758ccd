"""The staff pages of feature flags."""

from features.admin_environments import EnvironmentAdmin, ProjectEnvironmentAdmin, SegmentAdmin
from features.admin_flags import FlagAdmin
from features.admin_ramps import RampAdmin

__all__ = ["EnvironmentAdmin", "FlagAdmin", "ProjectEnvironmentAdmin", "RampAdmin", "SegmentAdmin"]
