"""Is it up? Questions to the components, answered yes or no."""

import http.client
import ssl
from pathlib import Path

from pecrfleet.kube import KubeClient, KubeError, KubeUnreachable

_SECONDS = 2.0


def http_ok(port: int, path: str, ca_file: Path | None = None) -> bool:
    """Whether that path on a loopback port answers 200, over TLS when a CA is given."""
    connection: http.client.HTTPConnection
    try:
        if ca_file is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        else:
            tls = ssl.create_default_context(cafile=str(ca_file))
            connection = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=_SECONDS, context=tls
            )
    except (OSError, ssl.SSLError):
        return False  # its certificate is not written yet
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def api_ok(client: KubeClient, path: str) -> bool:
    """Whether the API server answers this path."""
    try:
        client.request("GET", path, timeout=_SECONDS)
    except (KubeError, KubeUnreachable):
        return False
    return True
