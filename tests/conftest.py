"""What all tests share: the local cluster's fixtures, `localcluster` and `namespace`."""

pytest_plugins = ["localcluster.pytest_plugin"]
