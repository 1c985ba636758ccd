"""Experiments and their results as /api/experiments shows them. Moments are in seconds since 1970."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from analytics.experiments.inference import Comparison
from analytics.experiments.results import Arm, Results
from analytics.models import Experiment


def seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def experiment_object(experiment: Experiment, *, names: bool) -> dict[str, Any]:
    """An experiment; with who made it if `names`."""
    return {
        "id": experiment.public_id,
        "object": "experiment",
        "name": experiment.name,
        "hypothesis": experiment.hypothesis,
        "flag": experiment.flag.key,
        "environment": experiment.environment.key,
        "metric": experiment.metric,
        "event": experiment.event or None,
        "control": experiment.control,
        "status": experiment.status.value,
        "planned_end": seconds(experiment.planned_end),
        "weights": experiment.weights or None,
        "created_by": experiment.created_by if names else None,
        "created_at": seconds(experiment.created_at),
        "started_at": seconds(experiment.started_at),
        "ended_at": seconds(experiment.ended_at),
    }


def results_object(results: Results, hints: Sequence[str]) -> dict[str, Any]:
    experiment, split = results.experiment, results.split
    return {
        "object": "experiment.results",
        "experiment": experiment.public_id,
        "status": experiment.status.value,
        "metric": experiment.metric,
        "unit": results.unit,
        "control": experiment.control,
        "since": seconds(experiment.started_at),
        "until": seconds(results.until),
        "planned_end": seconds(experiment.planned_end),
        "variants": [_arm(arm, results.control) for arm in (results.control, *results.others)],
        "left_out": {"several_variants": results.several, "seen_before": results.earlier},
        "sample_ratio": None if split is None else {
            "expected": dict(split.expected),
            "chi_square": None if math.isinf(split.chi_square) else split.chi_square,
            "p_value": split.p_value,
            "mismatch": split.mismatch,
        },
        "hints": list(hints),
    }  # fmt: skip


def _arm(arm: Arm, control: Arm) -> dict[str, Any]:
    return {
        "variant": arm.variant,
        "units": arm.units,
        "count": arm.count,
        "hits": arm.hits,
        "value": arm.value,
        "comparison": None if arm.comparison is None else _comparison(arm.comparison, control),
    }


def _comparison(found: Comparison, control: Arm) -> dict[str, Any]:
    """`relative` is the difference as a share of the control's value, null where that is nothing."""
    return {
        "difference": found.difference,
        "relative": found.difference / control.value if control.value else None,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "method": found.method,
    }
