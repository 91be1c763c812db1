"""What all tests share: the local cluster's fixtures, `localcluster` and `namespace`."""

import pytest

pytest_plugins = ["localcluster.pytest_plugin"]
pytest.register_assert_rewrite("integration.harness")
