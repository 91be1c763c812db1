"""`python -m pecrfleet`: run the fleet against an API server."""

import argparse
import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pecrfleet.api import Api
from pecrfleet.httpd import serve
from pecrfleet.kube import KubeClient, KubeError, KubeUnreachable
from pecrfleet.kubelet import Backoff, Kubelet

log = logging.getLogger("pecrfleet")
_PODS = "/api/v1/pods"
_SCHEDULED = "spec.nodeName!="
_PAUSE_SECONDS = 0.5


def main() -> None:
    """Parse the arguments and run until ended."""
    parser = argparse.ArgumentParser(prog="pecrfleet", description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--ca-file", required=True, type=Path)
    parser.add_argument("--token-file", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--backoff-first", type=float, default=10.0)
    parser.add_argument("--backoff-longest", type=float, default=300.0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> None:
    token = arguments.token_file.read_text().strip()
    client = KubeClient(arguments.server, arguments.ca_file, token)
    kubelet = Kubelet(client, Backoff(arguments.backoff_first, arguments.backoff_longest))
    api = Api(kubelet)
    loop = asyncio.get_running_loop()

    def deliver(action: Callable[..., None], *values: object) -> None:
        loop.call_soon_threadsafe(action, *values)

    def synced() -> None:
        api.synced = True

    watcher = threading.Thread(
        target=_watch, args=(client, kubelet, deliver, synced), name="watch", daemon=True
    )
    server = await serve(api, arguments.port)
    watcher.start()
    async with server:
        await server.serve_forever()


def _watch(
    client: KubeClient,
    kubelet: Kubelet,
    deliver: Callable[..., None],
    synced: Callable[[], None],
) -> None:
    """List, then watch, for ever; again from the list whenever the watch cannot go on."""
    version = ""
    while True:
        try:
            if not version:
                version = _list(client, kubelet, deliver)
                deliver(synced)
            query = {"fieldSelector": _SCHEDULED, "resourceVersion": version}
            for event in client.watch(_PODS, **query):
                if event["type"] == "ERROR":
                    version = ""
                    break
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    deliver(kubelet.observe, event["type"], event["object"])
        except (KubeError, KubeUnreachable) as error:
            log.warning("watch of pods: %s", error)
            version = ""
            time.sleep(_PAUSE_SECONDS)


def _list(client: KubeClient, kubelet: Kubelet, deliver: Callable[..., None]) -> str:
    found = client.get(_PODS, fieldSelector=_SCHEDULED)
    deliver(kubelet.forget_missing, {pod["metadata"]["uid"] for pod in found["items"]})
    for pod in found["items"]:
        deliver(kubelet.observe, "ADDED", pod)
    version: str = found["metadata"]["resourceVersion"]
    return version


if __name__ == "__main__":
    main()
