"""What is judged of one rollout: whose series, by which questions, since when."""

from dataclasses import dataclass, replace

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.judge import Settings as JudgeSettings
from pecr_rollout.lifecycle.observation import Snapshot
from pecr_rollout.lifecycle.situation import Judged
from pecr_rollout.runtime.queue import Key
from pecr_rollout.telemetry.collector import Due
from pecr_rollout.telemetry.questions import Asked, ask, settings
from pecr_rollout.telemetry.subjects import Subject


@dataclass(frozen=True)
class Case:
    """What is judged of one rollout; another one opens another case.

    Attributes:
        asked: the questions.
        settings: of the judge.
        canary: whose series are judged.
        baseline: the rest of the fleet, where there is one.
        fleet: whose history tells the noise.
        since: start of the window, on the Prometheus server's clock.
        before: until when the fleet was surely without the change; until `since` if None.
    """

    asked: tuple[Asked, ...]
    settings: JudgeSettings
    canary: Subject
    baseline: Subject | None
    fleet: Subject
    since: float
    before: float | None = None

    def history_due(self, key: Key) -> Due:
        """Give what the noise is to be learnt from: never what the change itself did."""
        end = self.since if self.before is None else min(self.before, self.since)
        return replace(self.due(key, end, None), since=end)

    def due(self, key: Key, until: float, last: float | None) -> Due:
        """Give what is to be collected up to a tick."""
        return Due(
            key=str(key),
            asked=self.asked,
            canary=self.canary,
            baseline=self.baseline,
            interval=self.settings.tick,
            since=self.since,
            until=until,
            last=last,
        )


def open_case(
    rollout: ControllerRollout, spec: Spec, judged: Judged, snapshot: Snapshot | None
) -> Case:
    """Turn what is to be judged into questions and subjects."""
    concurrent = judged.baseline is not None
    asked = ask(spec, concurrent=concurrent, recorded=snapshot.recorded if snapshot else None)
    namespace, selectors = rollout.metadata.namespace, spec.analysis.selectors
    window = rollout.status.window
    return Case(
        asked=asked,
        settings=settings(
            spec, hold=judged.hold, signals=len(asked), fallback_step=judged.fallback_step
        ),
        canary=Subject(
            namespace, judged.canary, matchers=tuple(selectors.canary) if selectors else ()
        ),
        baseline=Subject(
            namespace,
            judged.baseline or (),
            matchers=tuple(selectors.baseline) if selectors else (),
        )
        if concurrent
        else None,
        fleet=fleet_of(rollout, spec),
        since=window.since if window else 0.0,
        before=None if concurrent or snapshot is None else snapshot.taken_at or None,
    )


def fleet_of(rollout: ControllerRollout, spec: Spec) -> Subject:
    """Give the fleet as it was before: all pods of the target, whatever their template."""
    selectors = spec.analysis.selectors
    return Subject(
        rollout.metadata.namespace,
        deployments=(spec.target.deployment,),
        matchers=tuple(selectors.baseline) if selectors else (),
    )
