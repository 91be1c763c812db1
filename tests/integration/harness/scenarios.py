"""How the pods behave: plenty of traffic, so that seconds decide what takes minutes in earnest."""

from typing import Any

from pecrfleet import Effect, Rule, Scenario, Traffic, When

TRAFFIC = Traffic(rps=1200)


def healthy() -> Scenario:
    """Nothing is wrong."""
    return Scenario(traffic=TRAFFIC)


def faulty(*rules: Rule, **more: Any) -> Scenario:
    """These rules, first match first."""
    return Scenario(traffic=TRAFFIC, rules=rules, **more)


def under_rlm(**effect: Any) -> Scenario:
    """Something is wrong with every pod that runs rlm."""
    return faulty(Rule(When(engine="rlm"), Effect(**effect)))


def violating(*, until: int) -> Scenario:
    """An rlm that breaks budgets until so many fallback steps are taken; 4 is never cured."""
    bad = Effect(violation_rate=0.5)
    conditions = {
        1: When(engine="rlm", adaptive_parallelism=True),
        2: When(engine="rlm", batch_mode=True),
        3: When(engine="rlm"),
        4: When(env={"PECR_CONTROLLER_BATCH_MODE_ENABLED": "false"}),
    }
    return faulty(*(Rule(conditions[step], bad) for step in range(1, until + 1)))
