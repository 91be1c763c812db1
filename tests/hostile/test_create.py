"""The real API server takes a hostile resource or refuses it in words; it never fails.

PECR_HOSTILE says how many are generated: `make bench-hostile` asks for 2,000.
"""

import os
from collections import Counter

import pytest
from pydantic import ValidationError

from hostile.around import HAND_MADE, generated
from pecr_rollout.api.rollout import read
from pecr_rollout.runtime.unreadable import sentence
from pecrfleet.kube import KubeError

COUNT = int(os.environ.get("PECR_HOSTILE", "60"))
REFUSALS = {400, 413, 422}

pytestmark = pytest.mark.cluster


def outcome(try_create, body):
    """Give what becomes of a resource: refused, taken, or taken and not readable; and its words."""
    try:
        stored = try_create(body)
    except KubeError as refused:
        return ("refused" if refused.status in REFUSALS else "failed"), str(refused)
    try:
        read(stored)
    except ValidationError as error:
        return "unreadable", sentence(error)
    return "taken", "as it is"


def test_generated_ones(try_create):
    found = [outcome(try_create, body) for body in generated(COUNT)]
    told = Counter(what for what, _ in found)
    assert told["failed"] == 0, [words for what, words in found if what == "failed"]
    assert min(told["taken"], told["refused"]) > COUNT / 10, told
    assert all(words for _, words in found)


@pytest.mark.parametrize("name", HAND_MADE)
def test_hand_made_ones(try_create, name):
    what, words = outcome(try_create, HAND_MADE[name])
    assert what != "failed", words
    assert words
