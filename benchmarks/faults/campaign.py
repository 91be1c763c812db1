"""The cases of the campaign, and how one is run."""

import secrets
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.faults import faults, metrics
from benchmarks.faults.plans import OldLists, Plans, Points, Random, of_api_server, reads
from benchmarks.faults.setting import Ground, Setting, set_up
from benchmarks.faults.shared import Again, Restore, update_crd
from benchmarks.faults.story import MODES, Meanwhile, whole_run

from integration.harness import lawful
from integration.harness.world import World
from localcluster import LocalCluster

API_RATE = 0.1
PROMETHEUS_RATE = 0.3


@dataclass(frozen=True)
class Case:
    """One whole run with something done to it.

    Attributes:
        plans: makes the plans of each operator.
        forgets: whether the API server forgets what it had taken.
    """

    name: str
    mode: str
    plans: Callable[[], list[Plans]]
    forgets: bool = False


@dataclass
class Result:
    """What came of a case.

    Attributes:
        faults: how many of each kind.
        points: the writes, or reads, that were seen.
        hit: those at which the fault was made.
        exits: how often the operators ended with which status.
        lost, extra: Events that are missing, or more than in an undisturbed run.
        failure: what is not as in an undisturbed run; empty if nothing.
    """

    case: str
    mode: str
    seconds: float = 0.0
    asked: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    points: list[str] = field(default_factory=list)
    hit: list[str] = field(default_factory=list)
    exits: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    extra: dict[str, int] = field(default_factory=dict)
    failure: str = ""


def cases(seeds: int, first: int = 0) -> Iterator[Case]:
    """Give all cases; the random ones with as many seeds, from the first one on."""
    for mode in MODES:
        yield Case("undisturbed", mode, lambda: [Plans(Points(None))])
        yield Case("killed before each write", mode, _before)
        yield Case("killed after each write", mode, lambda: [Plans(Points(faults.killed_after))])
        yield Case("stopped at each write", mode, lambda: [Plans(Points(faults.stopped))])
        yield Case("stale at each read", mode, lambda: [Plans(Points(faults.stale, reads))])
        yield Case("old lists after slow writes", mode, lambda: [Plans(OldLists())])
        yield Case("two at once", mode, lambda: [Plans(Points(None)), Plans(Points(None))])
        for hours in (1, -1):
            yield Case(f"clock wrong by {hours:+} h", mode, partial(_wrong, hours))
    for seed in range(first, first + seeds):
        mode = list(MODES)[seed % len(MODES)]
        yield Case(f"API server, seed {seed}", mode, partial(_api, seed))
        yield Case(f"Prometheus, seed {seed}", mode, partial(_prometheus, seed))


def _before() -> list[Plans]:
    return [Plans(Points(faults.killed_before, lands=False))]


def _wrong(hours: int) -> list[Plans]:
    return [Plans(ahead=hours * 3600.0)]


def _api(seed: int) -> list[Plans]:
    return [Plans(Random(seed, API_RATE, of_api_server))]


def _prometheus(seed: int) -> list[Plans]:
    return [Plans(prometheus=Random(seed, PROMETHEUS_RATE, metrics.fitting))]


@dataclass(frozen=True)
class Group:
    """Cases that run at the same time, because what is done is done to all of them.

    Attributes:
        make: makes what is done to them.
    """

    cases: tuple[Case, ...]
    make: Callable[[LocalCluster, int, Path], Again | Restore]


def groups() -> Iterator[Group]:
    """Give the groups."""

    def of(name: str, *, forgets: bool = False) -> tuple[Case, ...]:
        return tuple(Case(name, mode, lambda: [Plans()], forgets) for mode in MODES)

    yield Group(of("API server restarted"), lambda c, n, _: Again(c.restart_apiserver, n))
    yield Group(of("CRD updated"), lambda c, n, _: Again(partial(update_crd, c), n))
    yield Group(of("etcd restored", forgets=True), Restore)


def run(ground: Ground, case: Case, name: str, meanwhile: Meanwhile = lambda _: None) -> Result:
    """Run one case in a namespace of its own."""
    result, began = Result(case.name, case.mode), time.monotonic()
    with set_up(ground, name, case.plans()) as setting:
        try:
            ending = whole_run(setting.world, case.mode, setting.start, meanwhile)
            _check_lawful(setting.world, case)
            result.lost, result.extra = dict(ending.lost), dict(ending.extra)
            if ending.lost or ending.extra:
                result.failure = f"Events: lost {result.lost}, more {result.extra}"
        except Exception as error:  # noqa: BLE001  # one failed case is not the end of the others
            result.failure = f"{error!r:.2000}\n{traceback.format_exc()[-3000:]}"
            (ground.folder / f"{name}.failed").write_text(_story(setting, result.failure))
        _count(setting, result)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def run_group(ground: Ground, group: Group, name: Callable[[Case], str]) -> list[Result]:
    """Run the cases of a group at the same time."""
    path = ground.folder / f"etcd-{secrets.token_hex(2)}.db"
    done_to_all = group.make(ground.cluster, len(group.cases), path)
    try:
        with ThreadPoolExecutor(len(group.cases)) as pool:
            runs = [pool.submit(run, ground, c, name(c), done_to_all) for c in group.cases]
            results = [one.result() for one in runs]
    finally:
        done_to_all.close()
    results[0].faults[group.cases[0].name] = done_to_all.count
    return results


def _check_lawful(world: World, case: Case) -> None:
    """Check every status that ever was; where the API server forgets, each one by itself."""
    if not case.forgets:
        lawful.check_all(world.tape.takes)
    for take in world.tape.takes:
        lawful.check_take(take)


def _story(setting: Setting, failure: str) -> str:
    logs = "\n\n".join(one.operator.tail(4000) for one in setting.guarded)
    return f"{failure}\n{setting.world.describe()}\n\n{logs}"


def _count(setting: Setting, result: Result) -> None:
    done, exits = Counter[str](), Counter[str]()
    for one in setting.guarded:
        result.asked += one.api.asked
        done += one.api.done + one.prometheus.done
        exits += Counter({str(status): count for status, count in one.exits.items()})
        if bugs := one.bugs():
            result.failure += f"\nthe operator logged: {bugs[0][:1500]} (and {len(bugs) - 1} more)"
        if isinstance(one.api.plan, Points):
            result.points += one.api.plan.seen
            result.hit += one.api.plan.hit
    result.faults, result.exits = dict(done), dict(exits)
