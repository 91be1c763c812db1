"""Manifests to lint, and lint as its users run it."""

import copy
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPILED = ROOT / "build" / "compiled"  # make sets PYTHONDONTWRITEBYTECODE, which is slow here
GOOD = ROOT / "tests" / "data" / "rollouts" / "good.yaml"


@dataclass
class Outcome:
    """What a run of lint left."""

    code: int
    out: str
    err: str


def lint(*arguments: object, stdin: str = "", cwd: Path | None = None) -> Outcome:
    """Run `pecr-rollout lint`."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-m", "pecr_rollout", "lint", *map(str, arguments)],
        input=stdin,
        cwd=cwd or ROOT,
        env={**clean, "PYTHONPATH": str(ROOT / "operator"), "PYTHONPYCACHEPREFIX": str(COMPILED)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def good(**changes: Any) -> dict[str, Any]:
    """Give a good rollout with some parts of its spec replaced; None removes a part."""
    document = yaml.safe_load(GOOD.read_text())
    spec = document["spec"]
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = spec
        for name in parents:
            part = part.setdefault(name, {})
        if value is None:
            del part[last]
        else:
            part[last] = copy.deepcopy(value)
    return document


def config_map(**data: str) -> dict[str, Any]:
    """Give the target's ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "pecr-controller-env", "namespace": "pecr"},
        "data": {"PECR_RLM_SANDBOX_ACK": "true", **data},
    }


def deployment(**container: Any) -> dict[str, Any]:
    """Give the target."""
    sources = [{"configMapRef": {"name": "pecr-controller-env"}}]
    main = {"name": "controller", "image": "x", "envFrom": sources, **container}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "pecr-controller", "namespace": "pecr"},
        "spec": {"replicas": 10, "template": {"spec": {"containers": [main]}}},
    }


def dump(*documents: dict[str, Any]) -> str:
    """Write documents as one YAML text."""
    return yaml.safe_dump_all(documents, sort_keys=False)
