"""A rollout that is being judged, a reconciler, and looks at the cluster that are told apart."""

import pytest

from cluster.builders import rollout
from pecr_rollout.api.status import Phase, Stage, Status
from pecr_rollout.lifecycle.observation import Cluster, Lock
from pecr_rollout.runtime import looks as module
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import DueQueue, Key
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.table import Table
from pecr_rollout.runtime.telling import Teller

KEY = Key("ns", "rlm-engine")
JUDGING = rollout().model_copy(update={"status": Status(phase=Phase.CANARY, stage=Stage.JUDGING)})


def knowing(api: object = None, *bodies: dict[str, object]) -> Reconciler:
    """A reconciler for this API server that has heard of these rollouts, and judges nobody."""
    reconciler = Reconciler(api, {}, Teller(api), Table(), DueQueue(lambda: 0.0), Metrics())
    for body in bodies:
        reconciler.table.put(body)
    return reconciler


def look(name: str) -> Cluster:
    """A look at the cluster, told from others by the name of its lock."""
    return Cluster(None, None, (Lock(name, "deployment/web", None),))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Cluster]:
    """What was observed, one after the other."""
    looked: list[Cluster] = []

    async def observe(*_: object) -> Cluster:
        looked.append(look(str(len(looked))))
        return looked[-1]

    monkeypatch.setattr(module, "observe", observe)
    return looked
