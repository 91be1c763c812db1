"""The life of PECR's pods: started, ready, crashed, started again, gone.

Everything here runs in one event loop; only requests to the API server run in threads.
"""

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from pecrfleet.environment import ConfigError, references, resolve
from pecrfleet.flags import StartupError, read_flags
from pecrfleet.kube import STRATEGIC_PATCH, KubeClient, KubeError, KubeUnreachable
from pecrfleet.lookups import Lookups
from pecrfleet.pods import Key, Pod, State, is_pecr, own_fields
from pecrfleet.rules import effect_of, next_change
from pecrfleet.scenario import Scenario
from pecrfleet.service import Service
from pecrfleet.status import status_patch, terminated, timestamp
from pecrfleet.traffic import Flow

log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_ADDRESSES = IPv4Network("10.112.0.0/12")
_WORKERS = 4
_GONE = {404, 409}


@dataclass(frozen=True)
class Backoff:
    """The waits of a crash loop."""

    first: float
    longest: float

    def seconds(self, crashes: int) -> float:
        """How long to wait after so many crashes in a row."""
        return min(self.first * 2.0 ** min(crashes - 1, 20), self.longest)


class Kubelet:
    """Plays the kubelet for PECR's pods, and the service in them."""

    def __init__(self, client: KubeClient, backoff: Backoff) -> None:
        self.pods: dict[Key, Pod] = {}
        self.scenarios: dict[str, Scenario] = {}
        self._flows: dict[str, Flow] = {}
        self._namespaces: defaultdict[str, set[Key]] = defaultdict(set)
        self._client, self._backoff = client, backoff
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="api")
        self._lookups = Lookups(client, self._pool)
        self._tasks: set[asyncio.Task[None]] = set()
        self._addresses = itertools.cycle(range(256, _ADDRESSES.num_addresses - 256))

    # What the watch tells.

    def observe(self, kind: str, manifest: Mapping[str, Any]) -> None:
        """Take in one event of the watch on pods."""
        meta = manifest["metadata"]
        key = (meta["namespace"], meta["name"])
        pod = self.pods.get(key)
        if pod is not None and (kind == "DELETED" or pod.uid != meta["uid"]):
            self._forget(pod)
            pod = None
        if kind == "DELETED" or not is_pecr(manifest):
            return
        if manifest["status"].get("phase") in {"Succeeded", "Failed"}:
            return
        if pod is None:
            pod = self._admit(key, manifest)
        pod.manifest = manifest
        if "deletionTimestamp" in meta:
            self._terminate(pod)

    def forget_missing(self, present: set[str]) -> None:
        """After a new list: drop the pods that are not in it, by uid."""
        for pod in [each for each in self.pods.values() if each.uid not in present]:
            self._forget(pod)

    def _admit(self, key: Key, manifest: Mapping[str, Any]) -> Pod:
        ip = manifest["status"].get("podIP") or str(_ADDRESSES[next(self._addresses)])
        pod = Pod(key[0], key[1], manifest["metadata"]["uid"], ip, manifest)
        # Known to the API server but not to us: the fleet was restarted, so its containers were.
        statuses = manifest["status"].get("containerStatuses") or []
        pod.restarts = max((each["restartCount"] + 1 for each in statuses), default=0)
        self.pods[key] = pod
        self._namespaces[pod.namespace].add(key)
        if "deletionTimestamp" not in manifest["metadata"]:
            self._start(pod)
        return pod

    def _forget(self, pod: Pod) -> None:
        self._set_ready(pod, ready=False)
        pod.state = State.TERMINATING
        self._cancel_timer(pod)
        self.pods.pop(pod.key, None)
        self._namespaces[pod.namespace].discard(pod.key)

    # The container's life.

    def _start(self, pod: Pod) -> None:
        if pod.state is not State.TERMINATING:
            pod.state = State.STARTING
            self._spawn(self._start_container(pod))

    async def _start_container(self, pod: Pod) -> None:
        try:
            pod.env = await self._environment(pod)
        except ConfigError as error:
            self._wait_for_config(pod, str(error))
            return
        except (KubeError, KubeUnreachable) as error:
            log.warning("environment of %s/%s: %s", pod.namespace, pod.name, error)
            self._set_timer(pod, _RETRY_SECONDS, self._start)
            return
        if pod.state is not State.STARTING:
            return
        pod.started_time, pod.message = timestamp(), ""
        pod.started_at = self._now()
        try:
            pod.flags = read_flags(pod.env)
        except StartupError as error:
            pod.flags = None
            self.crash(pod, str(error), exit_code=1)
            return
        scenario = self.scenario(pod.namespace)
        pod.state = State.RUNNING
        pod.born_while_down = scenario.gateway != "up"
        self.zero(pod)
        pod.advanced_at = pod.started_at
        self.reconcile(pod, write=True)

    async def _environment(self, pod: Pod) -> dict[str, str]:
        wanted = sorted(references(pod.container))
        reads = [self._lookups.get(kind, pod.namespace, name) for kind, name in wanted]
        found = dict(zip(wanted, await asyncio.gather(*reads), strict=True))
        return resolve(pod.container, lambda kind, name: found[kind, name], own_fields(pod))

    def _wait_for_config(self, pod: Pod, message: str) -> None:
        if pod.state is not State.STARTING:
            return
        pod.state, pod.message = State.CONFIG_ERROR, message
        self._write(pod)
        self._set_timer(pod, _RETRY_SECONDS, self._start)

    def crash(self, pod: Pod, message: str, exit_code: int, *, backoff: bool = True) -> None:
        """The container ends now, and starts again after its wait."""
        self.advance(pod)
        ran = self._now() - pod.started_at
        calm = ran > 10 * self._backoff.longest
        pod.crashes_in_a_row = 1 if calm else pod.crashes_in_a_row + 1
        pod.message, pod.state = message, State.CRASHED
        pod.last_state = terminated(pod, exit_code)
        self._set_ready(pod, ready=False)
        self._write(pod)
        wait = self._backoff.seconds(pod.crashes_in_a_row) if backoff else 0.0
        self._set_timer(pod, wait, self._restart)

    def _restart(self, pod: Pod) -> None:
        pod.restarts += 1
        self._start(pod)

    def _terminate(self, pod: Pod) -> None:
        if pod.state is State.TERMINATING:
            return
        self.advance(pod)
        pod.flow_ready = self._flow_leaves(pod)
        running = pod.state is State.RUNNING
        pod.state = State.TERMINATING
        self._cancel_timer(pod)
        slow = running and self.scenario(pod.namespace).terminate == "grace"
        self._spawn(self._delete(pod, _seconds_left(pod) if slow else 0.0))

    async def _delete(self, pod: Pod, after: float) -> None:
        await asyncio.sleep(after)
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
        while self.pods.get(pod.key) is pod:
            if await self._request("DELETE", pod, "", body):
                return
            await asyncio.sleep(_RETRY_SECONDS)

    # Readiness and traffic.

    def zero(self, pod: Pod) -> None:
        """New counters, as a new process has."""
        scenario = self.scenario(pod.namespace)
        pod.service = Service(noise=scenario.noise, seed=f"{scenario.seed}/{pod.name}")

    def scenario(self, namespace: str) -> Scenario:
        """The namespace's scenario, or the default one."""
        return self.scenarios.get(namespace) or Scenario()

    def set_scenario(self, namespace: str, scenario: Scenario | None) -> None:
        """Another scenario from now on; what was counted so far stays."""
        pods = [self.pods[key] for key in self._namespaces[namespace]]
        for pod in pods:
            self.advance(pod)
        if scenario is None:
            self.scenarios.pop(namespace, None)
        else:
            self.scenarios[namespace] = scenario
        current = self.scenario(namespace)
        self._flow(namespace).change_traffic(current.traffic, self._now())
        for pod in pods:
            if current.gateway == "up":
                pod.born_while_down = False
            self.reconcile(pod)

    def reconcile(self, pod: Pod, *, write: bool = False) -> None:
        """Bring a running container's readiness to what its scenario says now."""
        subject = pod.subject
        if pod.state is not State.RUNNING or subject is None:
            return
        self.advance(pod)
        scenario, age = self.scenario(pod.namespace), self._now() - pod.started_at
        effect = effect_of(scenario, subject, age)
        if effect["crash_after"] is not None and age >= effect["crash_after"]:
            self.crash(pod, "the scenario says crashAfter", exit_code=1)
            return
        down = scenario.gateway == "down" or (scenario.gateway != "up" and pod.born_while_down)
        ready = effect["ready"] and not down and age >= effect["start_seconds"]
        if self._set_ready(pod, ready=ready) or write:
            self._write(pod)
        due = next_change(scenario, effect, age)
        self._cancel_timer(pod)
        if due is not None:
            self._set_timer(pod, due - age + 0.001, self.reconcile)

    def advance(self, pod: Pod) -> None:
        """Count what the container has been asked since it was last looked at."""
        now, subject = self._now(), pod.subject
        value = self._flow(pod.namespace).advance(now)
        if pod.state is State.RUNNING and pod.flow_ready and subject is not None:
            scenario = self.scenario(pod.namespace)
            effect = effect_of(scenario, subject, now - pod.started_at)
            pod.service.run(value - pod.flow_seen, effect)
            pod.service.capabilities(scenario.traffic.capabilities_rps * (now - pod.advanced_at))
        pod.flow_seen, pod.advanced_at = value, now

    def _set_ready(self, pod: Pod, *, ready: bool) -> bool:
        if pod.ready == ready and pod.flow_ready == ready:
            return False
        self.advance(pod)
        if pod.flow_ready != ready:
            self._flow(pod.namespace).change_ready(1 if ready else -1, self._now())
        pod.ready = pod.flow_ready = ready
        return True

    def _flow_leaves(self, pod: Pod) -> bool:
        # A pod that is going gets no more traffic, although it still reports itself ready.
        if pod.flow_ready:
            self._flow(pod.namespace).change_ready(-1, self._now())
        return False

    def _flow(self, namespace: str) -> Flow:
        if namespace not in self._flows:
            self._flows[namespace] = Flow(self.scenario(namespace).traffic, at=self._now())
        return self._flows[namespace]

    # Talking to the API server.

    def _write(self, pod: Pod) -> None:
        pod.dirty = True
        if not pod.writing:
            pod.writing = True
            self._spawn(self._write_status(pod))

    async def _write_status(self, pod: Pod) -> None:
        try:
            while pod.dirty and self.pods.get(pod.key) is pod:
                pod.dirty = False
                if not await self._request("PATCH", pod, "/status", status_patch(pod)):
                    pod.dirty = True
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            pod.writing = False

    async def _request(self, method: str, pod: Pod, part: str, body: Mapping[str, Any]) -> bool:
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}{part}"
        kind = STRATEGIC_PATCH if method == "PATCH" else "application/json"
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(
                self._pool, lambda: self._client.request(method, path, body, content_type=kind)
            )
        except KubeError as error:
            if error.status not in _GONE:
                log.warning("%s %s: %s", method, path, error)
            return error.status in _GONE
        except KubeUnreachable as error:
            log.warning("%s %s: %s", method, path, error)
            return False
        return True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        # The loop holds its tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_timer(self, pod: Pod, seconds: float, action: Callable[[Pod], None]) -> None:
        self._cancel_timer(pod)
        pod.timer = asyncio.get_running_loop().call_later(seconds, action, pod)

    def _cancel_timer(self, pod: Pod) -> None:
        if pod.timer is not None:
            pod.timer.cancel()
            pod.timer = None

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _seconds_left(pod: Pod) -> float:
    due = datetime.fromisoformat(pod.manifest["metadata"]["deletionTimestamp"])
    return max((due - datetime.now(UTC)).total_seconds(), 0.0)
