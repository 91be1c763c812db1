"""The managed cohort's objects."""

from copy import deepcopy

from cluster.builders import UID, config_map, container, deployment, rollout
from pecr_rollout.api.rollout import ENVIRONMENT_HASH
from pecr_rollout.cluster.clone import (
    clone_manifest,
    clone_view,
    overlay_manifest,
    overlay_name,
)
from pecr_rollout.cluster.environment import sources
from pecr_rollout.cluster.selectors import fits
from pecr_rollout.cluster.workload import template_fingerprint

ENVIRONMENT = {"PECR_CONTROLLER_ENGINE": "rlm"}


def target(**more):
    annotations = {ENVIRONMENT_HASH: "h", "prometheus.io/scrape": "true"}
    return deployment(annotations=annotations, **more)


def made(given=None, **spec):
    return clone_manifest(rollout(**spec), given or target(), "overlay-1", 2)


def test_the_overlay_is_immutable_owned_and_named_by_its_content():
    overlay = overlay_manifest(rollout(), ENVIRONMENT)
    assert overlay["immutable"] is True
    assert overlay["data"] == ENVIRONMENT
    assert overlay["metadata"]["ownerReferences"][0]["uid"] == UID
    same, other = (overlay_manifest(rollout(), e) for e in (dict(ENVIRONMENT), {"A": "1"}))
    assert same["metadata"]["name"] == overlay["metadata"]["name"]
    assert other["metadata"]["name"] != overlay["metadata"]["name"]


def test_the_longest_names_fit():
    long = rollout(name="r" * 63)
    assert len(overlay_manifest(long, ENVIRONMENT)["metadata"]["name"]) <= 253
    given = target()
    given["metadata"]["name"] = "d" * 253
    assert len(clone_manifest(long, given, "o", 1)["metadata"]["name"]) == 253


def test_the_clone_is_the_target_with_one_more_label_and_one_more_source():
    given = target()
    before = deepcopy(given)
    clone = made(given)
    assert given == before, "a builder changes nothing that it was given"
    assert clone["metadata"]["name"] == "pecr-controller-canary"
    assert clone["spec"]["replicas"] == 2
    template = clone["spec"]["template"]
    names = [s.name for s in sources(template["spec"]["containers"][0])]
    assert names == ["pecr-controller-env", "overlay-1"]
    assert template["metadata"]["labels"]["pecr.dev/cohort"] == "canary"
    assert template["metadata"]["annotations"] == {"prometheus.io/scrape": "true"}


def test_the_selectors_never_fit_the_same_pods():
    given = target()
    clone = made(given)
    own = clone["spec"]["template"]["metadata"]["labels"]
    assert fits(clone["spec"]["selector"], own)
    assert not fits(clone["spec"]["selector"], given["spec"]["template"]["metadata"]["labels"])


def test_no_metadata_of_the_deployment_is_copied():
    assert "argocd.argoproj.io/instance" not in made()["metadata"]["labels"]


def test_the_overlay_goes_to_the_named_container():
    given = target()
    given["spec"]["template"]["spec"]["containers"].append(container("sidecar", "other"))
    named = {"deployment": "d", "configMap": "c", "container": "controller"}
    clone = made(given, target=named)
    both = [sources(c)[-1].name for c in clone["spec"]["template"]["spec"]["containers"]]
    assert both == ["overlay-1", "other"]
    assert overlay_name(rollout(target=named), clone) == "overlay-1"


def test_a_recreating_target_gives_a_rolling_clone():
    given = target()
    given["spec"]["strategy"] = {"type": "Recreate"}
    assert made(given)["spec"]["strategy"] == {"type": "RollingUpdate"}


def live(clone):
    status = {"observedGeneration": 1}
    more = {"uid": "u", "resourceVersion": "1", "generation": 1}
    return {**clone, "metadata": {**clone["metadata"], **more}, "status": status}


def test_the_view_of_our_clone():
    overlay = overlay_manifest(rollout(), ENVIRONMENT)
    clone = live(made())
    seen = clone_view(rollout(), clone, overlay, [], [])
    assert seen.owned
    assert seen.environment == ENVIRONMENT
    assert seen.source_template == template_fingerprint(target()["spec"]["template"])


def test_the_view_of_somebody_elses():
    stranger = live({**deployment("pecr-controller-canary")})
    seen = clone_view(rollout(), stranger, config_map("pecr-controller-env", A="1"), [], [])
    assert not seen.owned
    assert seen.environment == {}


def test_a_clone_whose_overlay_is_gone_holds_nothing():
    assert clone_view(rollout(), live(made()), None, [], []).environment == {}
