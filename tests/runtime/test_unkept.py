"""kopf is told to keep nothing of the objects that it hands over."""

import kopf

from pecr_rollout.runtime.handlers import configure


def test_nothing_is_copied_and_nothing_is_written() -> None:
    settings = kopf.OperatorSettings()
    configure(settings=settings)
    body = kopf.Body({"metadata": {"name": "a"}, "spec": {"field": 1}})
    patch = kopf.Patch()
    diffbase = settings.persistence.diffbase_storage
    essence = diffbase.build(body=body)
    assert essence == {}
    assert diffbase.fetch(body=body) is None
    diffbase.store(body=body, patch=patch, essence=essence)
    progress = settings.persistence.progress_storage
    assert progress.clear(essence=essence) is essence
    progress.touch(body=body, patch=patch, value="now")
    assert not patch
