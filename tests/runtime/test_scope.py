"""Which rollouts an operator looks after, and which Lease it stands for, by its options."""

import pytest

from pecr_rollout.cli import scope
from pecr_rollout.cli.app import run
from pecr_rollout.cli.problem import Refused


def test_who_watches_the_same_stands_for_the_same_lease():
    others = [((), ""), (("a",), ""), (("a",), "team=x"), (("a",), "team!=x")]
    names = {scope.lease_name(*other) for other in others}
    assert len(names) == 4
    assert scope.lease_name(("a", "b"), "") == scope.lease_name(("b", "a", "a"), "")
    assert not any(name.startswith("pecr-lock-") for name in names), "those are the rollouts'"


def test_the_lease_is_in_the_pods_own_namespace(tmp_path):
    pod = tmp_path / "namespace"
    with pytest.raises(Refused, match="say --lease-namespace"):
        scope.lease_namespace("", pod)
    pod.write_text("pecr-system\n")
    assert scope.lease_namespace("", pod) == "pecr-system"
    assert scope.lease_namespace("other", pod) == "other"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--selector", "team in search"], "--selector: 'team in search' is no label selector"),
        (["--leader-elect"], "--leader-elect: say --lease-namespace"),
        (
            ["--leader-elect", "--lease-duration", "1"],
            "greater than or equal to 5",
        ),
    ],
)
def test_what_cannot_be_is_refused(options, said, capsys):
    assert run(["run", "-n", "a", "--prometheus-url", "http://p", *options]) == 1
    assert said in capsys.readouterr().err
