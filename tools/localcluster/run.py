"""A cluster for the length of one command."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from localcluster.cluster import LocalCluster
from localcluster.errors import LocalClusterError
from localcluster.options import Options

STATE_VARIABLE = "PECR_LOCALCLUSTER_STATE"
"""Where tests find the cluster that runs already."""


def run_with(
    command: Sequence[str], options: Options | None = None, *, say: Callable[[str], None]
) -> int:
    """Start a cluster, run a command that finds it in its environment, end the cluster.

    The command gets KUBECONFIG and the like, and PECR_LOCALCLUSTER_STATE for `attach`. The
    cluster's logs are kept where the command fails.
    """
    if not command:
        raise LocalClusterError("There is nothing to run: `python -m localcluster run -- COMMAND`.")
    folder = Path(tempfile.mkdtemp(prefix="pecr-localcluster-"))
    with LocalCluster(folder, options or Options(), say=say) as cluster:
        programs = f"{cluster.binary('kubectl').parent}:{os.environ.get('PATH', '')}"
        environment = os.environ | cluster.env | {STATE_VARIABLE: str(folder), "PATH": programs}
        try:
            status = subprocess.run(command, env=environment, check=False).returncode
        except OSError as error:
            raise LocalClusterError(f"{command[0]} cannot be run: {error.strerror}.") from error
    if status == 0:
        shutil.rmtree(folder)
    else:
        say(f"the command failed; the cluster's logs are in {folder}")
    return status if status >= 0 else 128 - status
