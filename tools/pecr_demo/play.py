"""Plays the story: follows the resource's status, acts as a person would, keeps the timeline."""

import json
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localcluster import LocalCluster
from pecr_demo import stage
from pecr_demo.story import STORY, Chapter, Status, taken

LOOK_EVERY = 0.25
"""Seconds between two looks at the status."""


class StoryBroken(Exception):  # noqa: N818 - what it says is no error of the program
    """A chapter did not appear in time."""


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    seconds: float
    run: int
    phase: str
    step: str
    cohortEnv: dict[str, str]  # noqa: N815 - as the file is documented
    message: str


@dataclass
class Player:
    """Plays the chapters in order.

    Attributes:
        cluster: where.
        rollout: name of the resource.
        say: prints a line.
        timeline: all that was seen.
    """

    cluster: LocalCluster
    rollout: str
    say: Callable[[str], None]
    timeline: list[Entry] = field(default_factory=list)
    _began: float = field(default_factory=stage.clock)

    def play(self) -> None:
        """Play to the end.

        Raises:
            StoryBroken: a chapter did not appear in time.
        """
        for number, chapter in enumerate(STORY, 1):
            status = self._wait_for(chapter)
            self.say(f"[{self._seconds():5.1f} s] {number:2}. {chapter.title}")
            self._act(chapter.then, status)

    def _wait_for(self, chapter: Chapter) -> Status:
        deadline = stage.clock() + chapter.within
        while True:
            status = self._look()
            if chapter.seen(status):
                return status
            if stage.clock() > deadline:
                raise StoryBroken(
                    f"{chapter.title!r} did not appear within {chapter.within:g} s; the rollout"
                    f" is in phase {status.get('phase')}: {status.get('message')}"
                )
            time.sleep(LOOK_EVERY)

    def _look(self) -> Status:
        found = self.cluster.kubectl_json("get", "cro", self.rollout, namespace=stage.NAMESPACE)
        status: Mapping[str, Any] = found.get("status") or {}
        entry = Entry(
            round(self._seconds(), 1),
            status.get("run", 0),
            status.get("phase", ""),
            _step(status),
            stage.cohort_environment(self.cluster),
            status.get("message", ""),
        )
        if not self.timeline or _differs(self.timeline[-1], entry):
            self.timeline.append(entry)
            self.say(f"[{entry.seconds:5.1f} s]     {entry.phase:<9} {entry.message[:110]}")
        return status

    def _act(self, act: str, status: Status) -> None:
        if act == "acknowledge wrongly":
            self._kubectl(f"annotate cro {self.rollout} pecr.dev/acknowledge=looks-fine-to-me")
        elif act == "mend and acknowledge":
            self.say("            the fault is mended; the command from the status is run:")
            self.cluster.fleet.set_scenario(stage.NAMESPACE, stage.mended())
            self._kubectl(status["incident"]["command"].removeprefix("kubectl "))

    def _kubectl(self, command: str) -> None:
        self.say(f"            $ kubectl {command}")
        words = shlex.split(command)
        namespace = None if "-n" in words else stage.NAMESPACE
        self.cluster.kubectl(*words, namespace=namespace)

    def _seconds(self) -> float:
        return stage.clock() - self._began

    def write(self, path: Path) -> None:
        """Write the timeline."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([asdict(e) for e in self.timeline], indent=2) + "\n")


def _step(status: Status) -> str:
    step = status.get("step") or {}
    steps = f"{step.get('index', 0)}/{step.get('of', 0)}" if step else ""
    return " ".join(part for part in (steps, *taken(status)) if part)


def _differs(one: Entry, other: Entry) -> bool:
    return (one.run, one.phase, one.step, one.cohortEnv, one.message) != (
        other.run,
        other.phase,
        other.step,
        other.cohortEnv,
        other.message,
    )
