"""The world that is measured: many one-pod fleets, each under a rollout of its own, being judged.

Mode Fleet with a recorded baseline: the one pod is the cohort and there is no rest, which is the
only mode in which a rollout of one pod is what somebody would run. A fallback patches the fleet's
own ConfigMap, so the time of that patch is the time of the answer.
"""

import json
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from localcluster import LocalCluster, Options
from pecrfleet import Effect, Rule, Scenario, Traffic, When, target_manifests
from pecrfleet.kube import MERGE_PATCH, KubeClient, KubeError

Json = dict[str, Any]
Say = Callable[[str], None]
Thing = TypeVar("Thing")

ROOT: Final = Path(__file__).parents[2]
PER_NAMESPACE: Final = 50
INTERVAL: Final = 30
"""Seconds between two evaluations."""
SCRAPES: Final = "15s"
QUICK: Final = {"scale": "quick"}
"""Label of the pods that are scraped every second: those that will break."""
KEEP_EVENTS: Final = "--event-ttl=6h"
"""By default an Event goes after an hour, and the soak counts all of its own."""
ROLLOUTS: Final = "/apis/pecr.dev/v1alpha1/controllerrollouts"

AUDIT: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts:pecr-system"]},
        {"level": "None"},
    ],
}
"""Only the operator's own requests, to check its metrics by."""
PLURALS: Final = {
    "Namespace": "/api/v1/namespaces",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "ControllerRollout": "/apis/pecr.dev/v1alpha1/namespaces/{}/controllerrollouts",
}


def namespace_of(number: int) -> str:
    """Give the namespace of the n-th rollout."""
    return f"scale-{number // PER_NAMESPACE:03}"


def name_of(number: int) -> str:
    """Give the name of the n-th rollout and of its Deployment."""
    return f"pecr-{number:04}"


def is_quick(number: int) -> bool:
    """Tell whether a pod is scraped every second: 63 of the first 504, spread evenly."""
    return number % 8 == 0 and number < 504


def namespaces(count: int) -> list[str]:
    """Name all namespaces of so many rollouts."""
    return sorted({namespace_of(number) for number in range(count)})


def spec(name: str, sustained_for: str) -> Json:
    """Give a rollout's spec: five signals, held for so long that it stays in analysis."""
    return {
        "target": {"deployment": name, "configMap": f"{name}-env"},
        "flagDelta": {"engine": "rlm"},
        "canary": {"mode": "Fleet", "readyWithin": "1h", "steps": [{"hold": "24h"}]},
        "slo": {
            "sustainedFor": sustained_for,
            "minRequests": 20,
            "latency": {"p95": "1s", "p99": "2500ms"},
            "budgetViolationRate": {"maxIncrease": 0.02},
            "terminalModes": {"SOURCE_UNAVAILABLE": {"maxIncrease": 0.05}},
            "errorRate": {"maxIncrease": 0.02},
        },
        "rollbackOwner": {
            "name": "retrieval-oncall",
            "contact": "#retrieval-oncall",
            "subjects": {"groups": ["retrieval-sre"]},
        },
        "analysis": {"interval": f"{INTERVAL}s", "settle": "30s", "maxDuration": "48h"},
        "promotion": {"bake": "24h"},
    }


def rollout(number: int) -> Json:
    """Give the n-th rollout."""
    name = name_of(number)
    return {
        "apiVersion": "pecr.dev/v1alpha1",
        "kind": "ControllerRollout",
        "metadata": {"name": name, "namespace": namespace_of(number)},
        "spec": spec(name, "1m" if is_quick(number) else "5m"),
    }


def target(number: int) -> list[Json]:
    """Give the n-th fleet, of one pod, with a ConfigMap of its own."""
    return target_manifests(
        namespace_of(number),
        name=name_of(number),
        replicas=1,
        labels=QUICK if is_quick(number) else {},
        with_namespace=False,
        with_service=False,
    )


def scenario(broken: Iterable[int] = ()) -> Scenario:
    """Give a namespace's traffic: a little of everything, at random, so that figures change.

    Args:
        broken: numbers of the rollouts of which every request breaks its budget.
    """
    names = "|".join(name_of(number) for number in broken)
    rules = (Rule(When(deployment=names), Effect(violation_rate=1.0)),) if names else ()
    usual = Effect(
        violation_rate=0.002,
        error_rate=0.002,
        latency=((0.1, 0.7), (0.5, 0.28), (1.5, 0.02)),
        terminal_modes={
            "SUPPORTED": 0.9,
            "INSUFFICIENT_EVIDENCE": 0.09,
            "SOURCE_UNAVAILABLE": 0.01,
        },
        queue_wait=((0.001, 0.9), (0.02, 0.1)),
    )
    traffic = Traffic(rps=5, split="perPod")
    return Scenario(traffic=traffic, noise=True, defaults=usual, rules=rules)


class World:
    """A local cluster, and in it so many fleets and rollouts."""

    def __init__(self, cluster: LocalCluster, say: Say) -> None:
        self.cluster = cluster
        self.say = say

    @classmethod
    def open(cls, folder: Path, say: Say, scrapes: str = SCRAPES) -> "World":
        """Attach to the cluster of a folder, or start one there that stays."""
        if (folder / "state.json").exists():
            return cls(LocalCluster.attach(folder), say)
        options = Options(
            nodes=4, scrape_interval=scrapes, audit_policy=AUDIT, apiserver_args=(KEEP_EVENTS,)
        )
        cluster = LocalCluster(folder, options, detached=True)
        cluster.start()
        world = cls(cluster, say)
        world._install()
        return world

    def _install(self) -> None:
        """The resource, and the operator's rights; its Deployment is a process here."""
        self.cluster.install_crds(ROOT / "crds")
        self.cluster.kubectl("create", "namespace", "pecr-system")
        account = ("serviceaccount", "pecr-rollout-operator", "-n", "pecr-system")
        self.cluster.kubectl("create", *account)
        rights = ROOT / "manifests" / "cluster-wide" / "rbac.yaml"
        self.cluster.kubectl("apply", "-f", str(rights))
        self._scrape_quickly()

    def _scrape_quickly(self) -> None:
        """Let the pods that will break be scraped every second, too."""
        path = self.cluster.workdir / "prometheus.json"
        config = json.loads(path.read_text())
        [usual] = config["scrape_configs"]
        [discovery] = usual["kubernetes_sd_configs"]
        labels = ",".join(f"{key}={value}" for key, value in QUICK.items())
        chosen = discovery | {"selectors": [{"role": "pod", "label": labels}]}
        quick = {"job_name": "quick", "scrape_interval": "1s", "scrape_timeout": "1s"}
        config["scrape_configs"].append(usual | quick | {"kubernetes_sd_configs": [chosen]})
        path.write_text(json.dumps(config))
        reload = urllib.request.Request(f"{self.cluster.prometheus_url}/-/reload", method="POST")  # noqa: S310
        urllib.request.urlopen(reload, timeout=10).close()  # noqa: S310

    # filling it

    def settle(self, count: int, usual: Scenario | None = None) -> None:
        """Have namespaces with traffic for so many fleets."""
        wanted = [{"metadata": {"name": name}} for name in namespaces(count)]
        self.create(
            {"apiVersion": "v1", "kind": "Namespace"} | each  # made first: they hold the rest
            for each in wanted
        )
        for name in namespaces(count):
            self.cluster.fleet.set_scenario(name, usual or scenario())

    def fill(self, count: int) -> None:
        """Have so many fleets, and let their traffic be seen; those that are there stay."""
        before = len(self.ready_pods())
        self.create(each for number in range(count) for each in target(number))
        self.until("pods are ready", lambda: len(self.ready_pods()), count)
        if before < count:
            self.say("waiting for three scrapes")
            time.sleep(50)

    def roll_out(self, count: int) -> None:
        """Declare so many rollouts; an operator has to run."""
        self.create(rollout(number) for number in range(count))
        self.until("rollouts are in analysis", self.judging, count)

    def create(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Create objects, several at a time; what is there stays."""
        self.each(_create, objects)

    def each(self, work: Callable[[KubeClient, Thing], None], things: Iterable[Thing]) -> None:
        """Do some work with each of some things, several at a time."""
        with self.cluster.client() as client, ThreadPoolExecutor(6) as pool:
            for done in [pool.submit(work, client, each) for each in things]:
                done.result()

    def ready_pods(self) -> list[str]:
        """Name the pods that are ready."""
        return [pod.name for pod in self.cluster.fleet.pods() if pod.ready]

    def judging(self) -> int:
        """Count the rollouts that are in analysis."""
        statuses = [each.get("status") or {} for each in self.rollouts()]
        return sum(s.get("phase") == "Canary" and s.get("stage") == "Judging" for s in statuses)

    def rollouts(self) -> list[Json]:
        """Read all rollouts."""
        with self.cluster.client() as client:
            items: list[Json] = client.get(ROLLOUTS)["items"]
        return items

    def until(self, what: str, count: Callable[[], int], wanted: int, every: float = 3.0) -> float:
        """Wait until so many are counted; give the seconds that it took."""
        began = said = time.monotonic()
        while (found := count()) < wanted:
            if time.monotonic() - said > 15:
                said = time.monotonic()
                self.say(f"{found} of {wanted} {what} after {said - began:.0f} s")
            time.sleep(every)
        took = time.monotonic() - began
        self.say(f"{wanted} {what} after {took:.0f} s")
        return took

    def incidents(self) -> Iterator[Json]:
        """Give the rollouts that were judged again after a fallback, and wait for a person."""
        for each in self.rollouts():
            status = each.get("status") or {}
            if status.get("incident") and status.get("stage") == "Judging":
                yield each

    def acknowledge(self) -> None:
        """Acknowledge all incidents, as a person does."""
        with self.cluster.client() as client:
            for each in self.incidents():
                annotation = {"pecr.dev/acknowledge": each["status"]["incident"]["id"]}
                path = PLURALS["ControllerRollout"].format(each["metadata"]["namespace"])
                client.request(
                    "PATCH",
                    f"{path}/{each['metadata']['name']}",
                    {"metadata": {"annotations": annotation}},
                    content_type=MERGE_PATCH,
                )

    def break_them(self, numbers: Sequence[int]) -> None:
        """Let every request to these break its budget, from now on."""
        for namespace in {namespace_of(number) for number in numbers}:
            here = [number for number in numbers if namespace_of(number) == namespace]
            self.cluster.fleet.set_scenario(namespace, scenario(here))


def _create(client: KubeClient, body: Mapping[str, Any]) -> None:
    path = PLURALS[body["kind"]].format(body["metadata"].get("namespace"))
    try:
        client.request("POST", path, body)
    except KubeError as error:
        if error.status != 409:
            raise
