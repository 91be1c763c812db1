"""The decision against an independent table of the contract's rules, over random inputs."""

import contextlib
import io
import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from guard.harness import gates, summary
from pecr_rollout.cli.guard.command import main

# A rate or a time, often just at, below or above a limit that is drawn from the same few numbers.
EDGES = [0.0, 0.005, 0.05, 1.0, 1199.999, 1200.0, 1200.001, 1500.0, 5e-324, 1e308]
FIGURES = st.sampled_from(EDGES) | st.floats(0, 1e6, allow_nan=False) | st.integers(0, 5000)
STEPS = {
    "disable_adaptive_parallelism": {"PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED": "false"},
    "disable_batch_mode": {"PECR_CONTROLLER_BATCH_MODE_ENABLED": "false"},
    "disable_rlm_defaulting": {"PECR_RLM_DEFAULT_ENABLED": "false"},
    "switch_engine_to_baseline": {"PECR_CONTROLLER_ENGINE": "baseline"},
    "already_at_safest_mode": {},
    "none": {},
}


@st.composite
def cases(draw: st.DrawFn) -> dict:
    """Draw one whole invocation; half of the figures equal their limit."""
    limits = {key: draw(FIGURES) for key in ("p95", "p99", "bvr", "ser", "source")}
    figures = {key: draw(st.just(limit) | FIGURES) for key, limit in limits.items()}
    return {
        "limits": limits,
        "figures": figures,
        "rate given": draw(st.booleans()),
        "adaptive": draw(st.booleans()),
        "batch": draw(st.booleans()),
        "rlm default": draw(st.booleans()),
        "engine": draw(st.sampled_from(["rlm", "baseline"])),
        "fail": draw(st.booleans()),
    }


def table(case: dict) -> tuple[list[str], str, int]:
    """Decide by the contract's words alone, with none of the guard's code."""
    over = {key: case["figures"][key] > case["limits"][key] for key in case["limits"]}
    over["source"] = over["source"] and case["rate given"]
    names = {
        "p95": "latency_p95",
        "p99": "latency_p99",
        "bvr": "budget_violation_rate",
        "ser": "staleness_error_rate",
        "source": "source_unavailable_rate",
    }
    triggers = [name for key, name in names.items() if over[key]]
    if not triggers:
        return [], "none", 0
    if case["adaptive"]:
        step = "disable_adaptive_parallelism"
    elif case["batch"]:
        step = "disable_batch_mode"
    elif case["rlm default"]:
        step = "disable_rlm_defaulting"
    elif case["engine"] != "baseline":
        step = "switch_engine_to_baseline"
    else:
        step = "already_at_safest_mode"
    return triggers, step, 2 if case["fail"] else 0


@settings(max_examples=400, deadline=None)
@given(cases())
def test_the_guard_decides_as_the_table_does(case: dict):
    triggers, step, code = table(case)
    with tempfile.TemporaryDirectory() as folder:
        status, report = _run(case, Path(folder))
    assert [item["id"] for item in report["triggers"]] == triggers
    assert report["recommended_fallback"]["step"] == step
    assert report["recommended_fallback"]["env_updates"] == STEPS[step]
    assert report["status"] == ("fallback_required" if triggers else "healthy")
    assert status == code


def _run(case: dict, folder: Path) -> tuple[int, dict]:
    figures, limits = case["figures"], case["limits"]
    k6, bounds = folder / "k6.json", folder / "gates.json"
    k6.write_text(json.dumps(summary(figures["p95"], figures["p99"])))
    bounds.write_text(
        json.dumps(gates(figures["bvr"], figures["ser"], limits["bvr"], limits["ser"]))
    )
    options: dict[str, object] = {
        "--summary": k6,
        "--metrics-gates": bounds,
        "--max-p95-ms": limits["p95"],
        "--max-p99-ms": limits["p99"],
        "--max-source-unavailable-rate": limits["source"],
        "--adaptive-enabled": case["adaptive"],
        "--batch-enabled": case["batch"],
        "--rlm-default-enabled": case["rlm default"],
        "--engine": case["engine"],
    }
    if case["rate given"]:
        options["--source-unavailable-rate"] = figures["source"]
    argv = [str(part) for pair in options.items() for part in pair]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main([*argv, *(["--fail-on-fallback"] if case["fail"] else [])])
    return status, json.JSONDecoder().raw_decode(out.getvalue())[0]
