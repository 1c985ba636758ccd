"""Flags, their states, segments and environments as rows. What they mean: `features.definitions`."""

from features.models.environments import Environment, ProjectEnvironment
from features.models.exposures import ExposureCount
from features.models.flags import Flag, FlagState
from features.models.ramps import Ramp
from features.models.segments import Segment
from features.models.version import FlagsVersion

__all__ = ["Environment", "ExposureCount", "Flag", "FlagState", "FlagsVersion", "ProjectEnvironment", "Ramp", "Segment"]
