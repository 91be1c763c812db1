"""The real API server, with a namespace, a target and rollouts in it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.builders import rollout_body
from localcluster import LocalCluster
from localcluster.pytest_plugin import TargetNamespace
from pecr_rollout.api.rollout import ControllerRollout, read
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.connection import open_api
from pecr_rollout.cluster.errors import ConflictError
from pecr_rollout.cluster.execute import execute
from pecr_rollout.cluster.observe import observe
from pecr_rollout.cluster.preflight import preflight
from pecr_rollout.cluster.resources import CONFIG_MAPS, DEPLOYMENTS, ROLLOUTS, Json, Resource
from pecr_rollout.lifecycle.actions import Action
from pecr_rollout.lifecycle.observation import Cluster, Finding, Progress

PATIENCE = 30.0


@dataclass
class Requests:
    """Counts the requests of a test."""

    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def __call__(self, verb: str, resource: Resource, status: int) -> None:
        self.seen.append((verb, resource.plural, status))


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
async def api(localcluster: LocalCluster, crd: None, requests: Requests) -> AsyncIterator[Api]:
    async with open_api(str(localcluster.kubeconfig), count=requests) as opened:
        yield opened


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """Ask again and again until the answer is as it should be."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            await asyncio.sleep(0.1)


@dataclass
class Scene:
    """A namespace with a target, and what a test does there."""

    api: Api
    namespace: TargetNamespace

    @property
    def name(self) -> str:
        return self.namespace.name

    def create(self, name: str = "rlm-engine", **spec: Any) -> ControllerRollout:
        """Create a rollout, and read it."""
        body = rollout_body(self.name, name, **spec)
        del body["metadata"]["uid"], body["metadata"]["resourceVersion"]
        return read(self._ask("PATCH", name, "?fieldManager=kubectl&force=true", body))

    def read(self, name: str = "rlm-engine") -> ControllerRollout:
        return read(self._ask("GET", name))

    def delete(self, name: str = "rlm-engine") -> None:
        """Delete a rollout; without a finalizer it is gone at once."""
        self._ask("DELETE", name)

    def _ask(self, method: str, name: str, query: str = "", body: Json | None = None) -> Json:
        """Speak to the API server as a person does, without the half second of a kubectl."""
        path = f"/apis/{ROLLOUTS.api_version}/namespaces/{self.name}/{ROLLOUTS.plural}/{name}"
        with self.namespace.cluster.client() as client:
            return client.request(
                method, path + query, body, content_type="application/apply-patch+yaml"
            )

    async def observe(self, rollout: ControllerRollout | None = None) -> Cluster:
        return await observe(self.api, rollout or self.read())

    async def do(self, *actions: Action, rollout: ControllerRollout | None = None) -> Cluster:
        """Carry out actions on what is there, and look again."""
        rollout = rollout or self.read()
        for action in actions:
            await execute(self.api, rollout, await observe(self.api, rollout), action)
        return await self.observe(rollout)

    async def insist(self, decide: Callable[[Cluster], Action]) -> None:
        """Observe, decide and carry out until nothing was changed in between."""

        async def once() -> bool:
            cluster = await self.observe()
            try:
                await execute(self.api, self.read(), cluster, decide(cluster))
            except ConflictError:
                return False
            return True

        await until(once, bool)

    async def check(self, rollout: ControllerRollout | None = None) -> dict[str, Finding]:
        """Run the preflight; the findings by reason."""
        return {finding.reason: finding for finding in await self.findings(rollout)}

    async def findings(self, rollout: ControllerRollout | None = None) -> tuple[Finding, ...]:
        """Run the preflight."""
        rollout = rollout or self.read()
        return await preflight(self.api, rollout, await self.observe(rollout))

    async def settled(self, rollout: ControllerRollout | None = None) -> Cluster:
        """Wait until target and cohort are rolled out."""

        def done(cluster: Cluster) -> bool:
            there = [cluster.target, cluster.existing, cluster.clone and cluster.clone.workload]
            return all(w.progress is Progress.COMPLETE for w in there if w is not None)

        return await until(lambda: self.observe(rollout), done)

    async def config_map(self, name: str = "pecr-controller-env") -> Json:
        return await self.api.get(CONFIG_MAPS, self.name, name)

    async def deployment(self, name: str = "pecr-controller") -> Json:
        return await self.api.get(DEPLOYMENTS, self.name, name)

    async def body(self, name: str = "rlm-engine") -> Json:
        return await self.api.get(ROLLOUTS, self.name, name)

    def apply(self, *objects: Json) -> None:
        for obj in objects:
            obj["metadata"]["namespace"] = self.name
        self.namespace.cluster.apply(objects)

    def patch(self, what: str, change: Json, *more: str) -> None:
        self.namespace.kubectl("patch", what, "--type=merge", "-p", json.dumps(change), *more)


@pytest.fixture
def scene(api: Api, namespace: TargetNamespace) -> Scene:
    return Scene(api, namespace)
