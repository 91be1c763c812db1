"""Would a written flag be what the process starts with, and would it start?"""

from pecr_rollout.cluster.environment import Resolved, sources
from pecr_rollout.cluster.preflight.facts import Facts, Findings, Place, error, warning
from pecr_rollout.contract.fallback import FALLBACK_ORDER
from pecr_rollout.contract.flags import (
    BY_VARIABLE,
    CONFIG_PATH,
    FLAGS,
    SANDBOX_ACK,
    Flag,
    FlagError,
    FlagValue,
    missing_precondition,
    parse_switch,
)
from pecr_rollout.lifecycle.observation import Finding


def check_flags(facts: Facts) -> Findings:
    """Check what the change does to the environments."""
    places = [p for p in facts.places if p.container is not None and p.config_map_object]
    for place in places:
        yield from _check_values(place)
        yield from _check_shadows(facts, place)
        yield from _check_aliases(facts, place)
        yield from _check_sandbox(facts, place)
        yield from _check_config_path(place)
    if facts.target in places:
        yield from _check_change(facts)
    if len(places) > 1:
        yield from _check_alike(facts, *places)


def _check_values(place: Place) -> Findings:
    """Check the values that are set already."""
    values = place.resolved().values
    for flag in FLAGS:
        for name in flag.order(values):
            try:
                flag.parse(values[name])
            except FlagError as problem:
                yield _bad_value(place, flag, name, problem)


def _bad_value(place: Place, flag: Flag, name: str, problem: FlagError) -> Finding:
    where = f"{name} in the environment of Deployment {place.deployment}"
    if flag.parse is parse_switch:
        return warning("IgnoredValue", f"{where}: {problem}; PECR takes its default for it")
    return error("FatalValue", f"{where}: {problem}; PECR ignores it or does not start: correct it")


def _check_shadows(facts: Facts, place: Place) -> Findings:
    """Write each flag in thought and see whether the process would get it."""
    entries = sources(place.container or {})
    ours = [i for i, s in enumerate(entries) if s.name == place.config_map and not s.prefix]
    if not ours:
        return  # said already: it is not read, or behind a prefix
    now = place.resolved().values
    steps = [step for step in FALLBACK_ORDER if step.applies(now)]
    fallback = {key: value for step in steps for key, value in step.updates.items()}
    changes = fallback | facts.delta
    then = place.resolved(changes)
    for name in changes:
        if then.origins.get(name) != f"ConfigMap {place.config_map}":
            yield _shadowed(place, name, then)
    secrets = [s.name for s in entries[ours[-1] + 1 :] if s.kind == "Secret"]
    if secrets:
        yield warning(
            "SecretMayShadow",
            f"Deployment {place.deployment} reads Secret {', '.join(secrets)} after ConfigMap"
            f" {place.config_map}; a flag in there would win, and Secrets are not read here:"
            f" make sure that it holds none, or put the ConfigMap last",
        )


def _shadowed(place: Place, name: str, then: Resolved) -> Finding:
    container = (place.container or {}).get("name")
    origin = then.origins.get(name, "another source")
    return error(
        "FlagShadowed",
        f"{name} in ConfigMap {place.config_map} would have no effect: container {container} of"
        f" Deployment {place.deployment} takes it from {origin}; remove it there",
    )


def _check_aliases(facts: Facts, place: Place) -> Findings:
    resolved = place.resolved(facts.delta)
    seen = {**dict.fromkeys(resolved.origins, ""), **resolved.values}
    for name in facts.delta:
        alias = BY_VARIABLE[name].shadowing_alias(seen)
        if alias is not None:
            yield error(
                "AliasWins",
                f"{alias} is set in the environment of Deployment {place.deployment}"
                f" ({resolved.origins[alias]}) and beats {name}; move its value to {name}",
            )


def _check_sandbox(facts: Facts, place: Place) -> Findings:
    resolved = place.resolved(facts.delta)
    try:
        missing = missing_precondition(resolved.values)
    except FlagError:
        return  # a fatal engine is said already
    if missing is None:
        return
    if SANDBOX_ACK in resolved.origins and SANDBOX_ACK not in resolved.values:
        yield warning(
            "SandboxUnknown",
            f"engine rlm needs {SANDBOX_ACK}=true; Deployment {place.deployment} takes it from"
            f" {resolved.origins[SANDBOX_ACK]}, which is not read here: make sure that it is true",
        )
    elif resolved.secrets and SANDBOX_ACK not in resolved.values:
        yield warning(
            "SandboxUnknown",
            f"engine rlm needs {SANDBOX_ACK}=true, which no ConfigMap gives Deployment"
            f" {place.deployment}; make sure that Secret {', '.join(resolved.secrets)} does",
        )
    else:
        yield error(
            "SandboxNotAcknowledged",
            f"{missing}; set it in the environment of Deployment {place.deployment}, once the"
            f" sandbox is acknowledged",
        )


def _check_config_path(place: Place) -> Findings:
    resolved = place.resolved()
    if CONFIG_PATH in resolved.origins:
        path = resolved.values.get(CONFIG_PATH, "a file")
        yield warning(
            "ConfigFile",
            f"{CONFIG_PATH} makes Deployment {place.deployment} read {path} too; flags that only"
            f" that file sets are not seen here (what this run writes beats it)",
        )


def _check_change(facts: Facts) -> Findings:
    """Check that the delta changes what the fleet works with."""
    now, then = facts.target.resolved().values, facts.target.resolved(facts.delta).values
    flags = [BY_VARIABLE[name] for name in facts.delta]
    if all(_effective(flag, now) == _effective(flag, then) for flag in flags):
        listed = ", ".join(f"{name}={value}" for name, value in facts.delta.items())
        yield error(
            "NothingToChange",
            f"the fleet works with {listed} already, so the delta changes nothing; change"
            f" spec.flagDelta, or delete the rollout",
        )


def _effective(flag: Flag, values: dict[str, str]) -> FlagValue | None:
    try:
        return flag.effective(values)
    except FlagError:
        return None


def _check_alike(facts: Facts, target: Place, existing: Place) -> Findings:
    """Check that the canary differs from the fleet in the delta only."""
    fleet, canary = target.resolved().values, existing.resolved().values
    others = [flag for flag in FLAGS if flag.variable not in facts.delta]
    differing = [f.variable for f in others if _effective(f, fleet) != _effective(f, canary)]
    if differing:
        yield warning(
            "CanaryDiffers",
            f"canary {existing.deployment} and target {target.deployment} differ in"
            f" {', '.join(differing)} too, so a difference in the signals may not be the delta's;"
            f" make them alike",
        )
