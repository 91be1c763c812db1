"""Renders the chart with helm, without a cluster."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

Json = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts" / "pecr-rollout-operator"
RELEASE: Final = "pecr-rollout-operator"
NAMESPACE: Final = "pecr-system"
API: Final = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"


class _Loader(yaml.SafeLoader):
    """Reads a bare `=` as the string that it is in Go's YAML."""


def _string(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:value", _string)


class ChartError(Exception):
    """helm refused; its words."""


def render(
    helm: Path,
    values: Mapping[str, Any],
    *more: str,
    namespace: str = NAMESPACE,
    version: str = "1.36.0",
) -> list[Json]:
    """Give the objects that the chart makes of some values.

    Raises:
        ChartError: it makes none.
    """
    command = [str(helm), "template", RELEASE, str(CHART), f"--namespace={namespace}"]
    command += [f"--kube-version={version}", "--values=-", *more]
    with tempfile.TemporaryDirectory() as home:
        places = ("CACHE", "CONFIG", "DATA")
        env = os.environ | {f"HELM_{place}_HOME": home for place in places}
        done = subprocess.run(
            command,
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
            env=env,
        )
    if done.returncode:
        raise ChartError(done.stderr.strip())
    return load(done.stdout)


def load(text: str) -> list[Json]:
    """Read the objects of a stream of YAML documents."""
    return [each for each in yaml.load_all(text, _Loader) if each]
