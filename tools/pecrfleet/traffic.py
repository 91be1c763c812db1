"""How many requests each ready pod of a namespace has had so far, without visiting the pods."""

from dataclasses import dataclass

from pecrfleet.scenario import Traffic


@dataclass
class Flow:
    """The integral over time of the requests per ready pod.

    A pod remembers the value it has accounted for; the difference is what it owes. So a pod that
    becomes ready or goes costs one step, however many pods there are.
    """

    traffic: Traffic
    value: float = 0.0
    at: float = 0.0
    ready: int = 0

    def advance(self, now: float) -> float:
        """Bring the integral up to now."""
        share = self.ready if self.traffic.split == "even" else 1
        if self.ready:
            self.value += self.traffic.rps * max(now - self.at, 0.0) / share
        self.at = now
        return self.value

    def change_ready(self, by: int, now: float) -> None:
        """A pod became ready, or is not any more."""
        self.advance(now)
        self.ready += by

    def change_traffic(self, traffic: Traffic, now: float) -> None:
        """Another rate or another split from now on."""
        self.advance(now)
        self.traffic = traffic
