"""A ControllerRollout's engine, flags and envelope, as the guard judges by them."""

from pecr_rollout.api.rollout import KIND, ControllerRollout
from pecr_rollout.api.slo import Slo
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.types import seconds
from pecr_rollout.cli.guard.case import Declared
from pecr_rollout.cli.lint import schema
from pecr_rollout.cli.lint.documents import Document, read_documents, read_text
from pecr_rollout.cli.problem import Refused
from pecr_rollout.report import Thresholds


def declared(rollout: ControllerRollout) -> Declared:
    """Give what the rollout declares."""
    delta = rollout.spec.flag_delta
    return Declared(
        engine=delta.engine,
        adaptive_parallelism=delta.adaptive_parallelism,
        batch_mode=delta.batch_mode,
        thresholds=Thresholds(
            max_p95_ms=_milliseconds(rollout.spec.slo, "p95"),
            max_p99_ms=_milliseconds(rollout.spec.slo, "p99"),
            bvr=_max_violations(rollout.spec),
            max_source_unavailable_rate=_max_source_unavailable(rollout.spec),
        ),
        min_requests=rollout.spec.slo.min_requests,
    )


def read_rollout(path: str) -> ControllerRollout:
    """Read the one ControllerRollout of a file.

    Raises:
        Refused: the file holds no readable rollout, or several.
    """
    found = list(read_documents(path, read_text(path)))
    broken = [item for item in found if not isinstance(item, Document)]
    rollouts = [item for item in found if isinstance(item, Document) and item.kind == KIND]
    if not broken and len(rollouts) != 1:
        raise Refused(f"{path}: {len(rollouts)} ControllerRollouts where one is expected")
    rollout = broken or schema.read_rollout(rollouts[0])
    if isinstance(rollout, ControllerRollout):
        return rollout
    first = rollout[0]
    where = f"{path}:{first.place.line}: {first.field}".rstrip(": ")
    raise Refused(f"{where}: {first.message} (pecr-rollout lint shows all)")


def _milliseconds(slo: Slo, quantile: str) -> float | None:
    duration = getattr(slo.latency, quantile) if slo.latency else None
    return None if duration is None else round(seconds(duration) * 1000, 6)


def _max_violations(spec: Spec) -> float | None:
    limit = spec.slo.budget_violation_rate
    usual = spec.baseline.rates.budget_violation_rate if spec.baseline.rates else None
    return None if limit is None else _over(usual, limit.max_increase)


def _max_source_unavailable(spec: Spec) -> float | None:
    limit = (spec.slo.terminal_modes or {}).get("SOURCE_UNAVAILABLE")
    modes = spec.baseline.rates.terminal_modes if spec.baseline.rates else None
    usual = (modes or {}).get("SOURCE_UNAVAILABLE")
    return None if limit is None else _over(usual, limit.max_increase)


def _over(usual: float | None, increase: float) -> float:
    """Give the limit; a load test's files know no fleet to compare with, so it counts as clean."""
    return (usual or 0.0) + increase
