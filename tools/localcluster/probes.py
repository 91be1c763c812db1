"""Is it up? Questions to the components, answered yes or no."""

import http.client
import ssl
from pathlib import Path

from pecrfleet.kube import KubeClient, KubeError, KubeUnreachable

_SECONDS = 2.0


def certificate_ok(ca_file: Path) -> bool:
    """Whether a certificate is written; while it is, the file is there and empty."""
    return _trusting(ca_file) is not None


def http_ok(port: int, path: str, ca_file: Path | None = None) -> bool:
    """Whether that path on a loopback port answers 200, over TLS when a CA is given."""
    connection: http.client.HTTPConnection
    if ca_file is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    elif tls := _trusting(ca_file):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=_SECONDS, context=tls)
    else:
        return False
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


def _trusting(ca_file: Path) -> ssl.SSLContext | None:
    """Give what trusts a certificate; None while it is not there, or not whole."""
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError:  # SSLError is one
        return None
