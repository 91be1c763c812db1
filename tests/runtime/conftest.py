"""A rollout that is being judged, and looks at the cluster that are told apart."""

import pytest

from cluster.builders import rollout
from pecr_rollout.api.status import Phase, Stage, Status
from pecr_rollout.lifecycle.observation import Cluster
from pecr_rollout.runtime import looks as module
from pecr_rollout.runtime.queue import Key

KEY = Key("ns", "rlm-engine")
JUDGING = rollout().model_copy(update={"status": Status(phase=Phase.CANARY, stage=Stage.JUDGING)})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Cluster]:
    """What was observed, one after the other."""
    looked: list[Cluster] = []

    async def observe(*_: object) -> Cluster:
        looked.append(Cluster(None, None, (), unreadable=str(len(looked))))
        return looked[-1]

    monkeypatch.setattr(module, "observe", observe)
    return looked
