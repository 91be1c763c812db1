"""A Prometheus in memory with a time, traffic that it saw, and a case that is judged by it."""

from pecr_rollout.judge import Settings as JudgeSettings
from pecr_rollout.runtime.case import Case
from pecr_rollout.telemetry.clock import ServerClock
from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.subjects import Subject
from telemetry.asking import CANARY_RS, ERRORS, FLEET_RS, START
from telemetry.stand_in import StandIn
from telemetry.tape import FakePod, Tape

TICK = 30.0
CASE = Case(
    asked=(ERRORS,),
    settings=JudgeSettings(
        signals=1, tick=TICK, sustained_for=60, hold=90, min_requests=20, fallback_step=0
    ),
    canary=Subject("shop", (CANARY_RS,)),
    baseline=Subject("shop", (FLEET_RS,)),
    fleet=Subject("shop", deployments=("pecr",)),
    since=START,
)


class Server(StandIn):
    """A Prometheus in memory, with a time."""

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape)
        self.time = START
        self.clock = ServerClock()

    async def now(self) -> float:
        if self.down:
            raise PrometheusUnavailable(Trouble.UNREACHABLE, "told to be")
        return self.time


def traffic(ticks: int, errors: float, *, until: int = 10**6) -> Tape:
    """A canary that answers a share of its requests with an error, up to a tick, and a fleet."""
    tape = Tape()
    canary, fleet = FakePod(f"{CANARY_RS}-aaaaa"), FakePod(f"{FLEET_RS}-bbbbb")
    for number in range(ticks + 1):
        for pod in (canary, fleet):
            bad = errors * 1000 if pod is canary and number <= until else 0
            pod.serve(1000 - bad)
            pod.serve(bad, status="502")
            pod.scrape(tape, START + TICK * number - 5)
    return tape
