"""What kopf is told."""

import copy
from dataclasses import fields

import kopf

from pecr_rollout.runtime.handlers import LISTED_AT_ONCE, configure
from runtime.conftest import knowing


def test_every_setting_is_one_that_kopf_knows() -> None:
    settings = kopf.OperatorSettings()
    configure(settings)
    for part in fields(settings):
        group = getattr(settings, part.name)
        assert vars(group).keys() <= {field.name for field in fields(group)}, part.name
    assert settings.watching.chunk_size == LISTED_AT_ONCE


def test_there_is_one_reconciler() -> None:
    """Kopf copies what handlers are given for every object that it watches."""
    reconciler = knowing()
    assert copy.copy(reconciler) is reconciler
