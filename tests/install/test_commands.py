"""Every command of the documents is played here, or listed with the reason why it cannot be."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from install.commands import documented, tutorial
from install.operated import install_resource
from localcluster import LocalCluster
from pecr_packaging.render import ROOT

CLUSTER = "the test has a cluster of its own"
BUILD = "builds or runs this checkout; CI does it"
OUTLINE = "an outline of what the tutorial does"
NO_POD = "the operator runs beside its pod here; integration/test_leader.py asks it"
NOT_PLAYED = {
    "make venv cluster": BUILD,
    "make venv": BUILD,
    "make cluster": BUILD,
    "make test": BUILD,
    "make demo": BUILD,
    "make help": BUILD,
    ".venv/bin/pre-commit install": "changes the checkout's hooks",
    '.venv/bin/pytest -m "not cluster"': BUILD,
    ".venv/bin/python -m localcluster up": CLUSTER,
    "PECR_LOCALCLUSTER_STATE=build/localcluster .venv/bin/pytest tests/api": CLUSTER,
    "export PYTHONPATH=$PWD/operator:$PWD/tools PATH=$PWD/.venv/bin:$PATH": CLUSTER,
    "python -m localcluster up": CLUSTER,
    'eval "$(python -m localcluster env)"': CLUSTER,
    "python -m localcluster down": CLUSTER,
    "kubectl get lease -n pecr-system pecr-rollout-operator": NO_POD,
    "kubectl get --raw /api/v1/namespaces/pecr-system/pods/POD:8080/proxy/readyz": NO_POD,
    "make bench-judge": "hours of simulation",
    "python -m benchmarks.judge --only 'Bad canaries/3'": "minutes of simulation",
    "python -m benchmarks.judge --resume": "hours of simulation",
    "python -m benchmarks.judge.cost": "measures this machine",
    "kubectl apply -f rollout.yaml": OUTLINE,
    "kubectl annotate … pecr.dev/acknowledge=…": OUTLINE,
    "pecr-rollout run --namespace pecr --prometheus-url http://prometheus.monitoring:9090": OUTLINE,
    "kubectl apply -k manifests/monitoring": "needs the Prometheus operator's resources; it builds",
    "kubectl patch configmap argocd-cm -n argocd --type=merge"
    " --patch-file manifests/argocd/argocd-cm.yaml": "needs Argo CD; test_argocd.py has the check",
    "cosign verify ghcr.io/pecr/pecr-rollout-operator:v0.1.0"
    " --certificate-oidc-issuer https://token.actions.githubusercontent.com"
    " --certificate-identity-regexp"
    " '^https://github.com/pecr/pecr-rollout/.github/workflows/release.yml@'": "needs a release",
}
"""Why a command is not played."""

NEW_NAMESPACE = "kubectl create namespace pecr-system"
FORGET = ["kubectl delete crd controllerrollouts.pecr.dev", "kubectl delete namespace pecr-system"]
RECEIVERS = (
    "kubectl create secret generic pecr-rollout-receivers --namespace pecr-system"
    " --from-file=urls=receivers.txt"
)
CHART = [
    NEW_NAMESPACE,
    "kubectl label namespace pecr-system pod-security.kubernetes.io/enforce=restricted",
    (
        "helm install pecr-rollout-operator charts/pecr-rollout-operator --namespace pecr-system"
        " --set prometheus.url=http://prometheus.monitoring.svc:9090"
        " --set 'watch.namespaces={pecr}'"
    ),
    "helm test pecr-rollout-operator --namespace pecr-system",
    "kubectl get controllerrollouts",
    (
        "helm upgrade pecr-rollout-operator charts/pecr-rollout-operator --namespace pecr-system"
        " --reset-then-reuse-values"
    ),
    RECEIVERS,
    (
        "helm upgrade pecr-rollout-operator charts/pecr-rollout-operator --namespace pecr-system"
        " --reuse-values --set notifications.secretName=pecr-rollout-receivers"
    ),
    "helm uninstall pecr-rollout-operator --namespace pecr-system",
    *FORGET,
]
"""README.md, docs/install.md and docs/upgrade.md, on a cluster with the tutorial's target."""

KUSTOMIZE = [
    "kubectl apply -f crds/",
    "kubectl apply -k manifests/namespaced",
    "kubectl apply -k manifests/policies/fill-in",
]
IN_FALLBACK = [
    "kubectl wait controllerrollout/rlm-engine -n pecr --for=condition=Stalled --timeout=3h",
    "kubectl get controllerrollouts -A -o wide",
    "kubectl describe controllerrollout NAME -n NAMESPACE",
    "kubectl get configmap NAME-report -n NAMESPACE -o jsonpath='{.data}'",
    "kubectl get configmap rlm-engine-report -n pecr -o 'jsonpath={.data.report\\.env}'",
]
ACKNOWLEDGE = (
    "kubectl annotate controllerrollout NAME -n NAMESPACE --overwrite pecr.dev/acknowledge=INCIDENT"
)
READY = "kubectl wait controllerrollout/rlm-engine -n pecr --for=condition=Ready --timeout=3h"
HAND_OVER = (
    "kubectl patch configmap pecr-controller-env -n pecr --field-manager=pecr-rollout --type=merge"
    """ -p '{"data": {"PECR_CONTROLLER_ENGINE": "baseline"}}'"""
)
GUARD = [
    f"python3 scripts/ops/canary_rollout_guard.py --summary k6-summary.json --metrics-gates {gates}"
    for gates in ("gates.json", "suite7_metrics_gates.json")
]
PLAYED = {*CHART, *KUSTOMIZE, *IN_FALLBACK, ACKNOWLEDGE, READY, HAND_OVER, *GUARD, *tutorial()}


def test_every_command_is_played_or_listed_with_its_reason():
    known = {command.text for command in documented()}
    assert known - PLAYED - set(NOT_PLAYED) == set(), "play it, or say why not"
    assert set(NOT_PLAYED) - known == set(), "no document has it any more"
    assert PLAYED - known == set(), "no document has it any more"


class Shell:
    """A person's shell: the checkout, the cluster's programs, and what runs in the background."""

    def __init__(self, cluster: LocalCluster, log: Path) -> None:
        home = Path(sys.executable).parent
        path = f"{home}:{cluster.binary('kubectl').parent}:{cluster.binary('helm').parent}"
        self.environment = {
            **os.environ,
            **cluster.env,
            "PATH": f"{path}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}/operator",
        }
        self.log = log
        self.running: list[subprocess.Popen[bytes]] = []

    def run(self, command: str, *, folder: Path = ROOT, **words: str) -> str:
        """Run a command as it is written, placeholders replaced; gives what it printed."""
        for word, value in words.items():
            command = command.replace(word, value)
        if command.endswith(" &"):
            with self.log.open("w") as log:
                line = ["bash", "-c", f"exec {command.removesuffix(' &')}"]
                self.running.append(
                    subprocess.Popen(line, cwd=folder, env=self.environment, stdout=log, stderr=log)
                )
            return ""
        done = subprocess.run(
            ["bash", "-euc", command], cwd=folder, env=self.environment, timeout=240,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{self.told()}"
        return done.stdout

    def told(self) -> str:
        """Give the end of what runs in the background says."""
        return self.log.read_text()[-2000:] if self.log.exists() else ""

    def close(self) -> None:
        """End what runs in the background."""
        for process in self.running:
            process.terminate()
            process.wait(20)


@pytest.fixture
def shell(localcluster: LocalCluster, tmp_path: Path) -> Iterator[Shell]:
    """A shell on a cluster without the resource; other tests of this cluster find it again."""
    shell = Shell(localcluster, tmp_path / "background.log")
    shell.run(f"{FORGET[0]} --ignore-not-found")
    credentials = ROOT / "build/operator.kubeconfig"
    credentials.parent.mkdir(exist_ok=True)
    yield shell
    shell.close()
    credentials.unlink(missing_ok=True)
    install_resource(localcluster)


@pytest.mark.cluster
@pytest.mark.xdist_group("install")
def test_the_documents_from_install_to_uninstall(shell, tmp_path):
    """One test, about a minute and a half: it is what a person does, in his order.

    The tutorial is played as it stands; other documents' commands are tried where they belong.
    """
    names = {"NAMESPACE": "pecr", "NAME": "rlm-engine"}
    (tmp_path / "receivers.txt").write_text("json://127.0.0.1\n")
    for command in tutorial():
        if command in NOT_PLAYED:
            continue
        if command == NEW_NAMESPACE:
            for other in (*CHART, HAND_OVER):
                shell.run(other, folder=tmp_path if other == RECEIVERS else ROOT)
        said = shell.run(command)
        if "report\\.md" in command:
            assert "Canary decision: fallback required" in said
            assert "What closes the incident" in said
            outputs = [shell.run(other, **names) for other in IN_FALLBACK]
            assert "PECR_CONTROLLER_BATCH_MODE_ENABLED=false" in outputs[-1]
            incident = shell.run(f"kubectl get cro rlm-engine -n pecr -o jsonpath={INCIDENT}")
        if ".status.incident.command" in command:
            shell.run(ACKNOWLEDGE, INCIDENT=incident, **names)
        if command.endswith("-o yaml"):
            assert "PECR_CONTROLLER_ENGINE: rlm" in said
            shell.run(READY)
    for command in KUSTOMIZE:
        shell.run(command)
    for folder in ("policies/fill-in", "namespaced"):
        shell.run(f"kubectl delete -k manifests/{folder}")
    shell.run("kubectl delete -f manifests/samples/demo/target.yaml")


INCIDENT = "{.status.incident.id}"


def test_the_guard_as_the_documents_call_it(tmp_path):
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    data = ROOT / "tests/data/guard"
    shutil.copy(data / "k6-summary.json", tmp_path)
    for name in ("gates.json", "suite7_metrics_gates.json"):
        shutil.copy(data / "gates.json", tmp_path / name)
    for command in GUARD:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
