"""The HTTP session under prometheus-api-client: bounded in time and size, errors told apart.

The library looks at the status code and at `json()` alone. So this session has read and checked an
answer before the library sees it, and keeps what the library drops: warnings, and the reason of an
error.
"""

import json
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
import urllib3

from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.server import PrometheusServer

_CHUNK: Final = 256 * 1024
_SHOWN: Final = 300  # characters of somebody else's text in our messages


class Answer(requests.Response):
    """An answer of Prometheus that was read, parsed and found good.

    Attributes:
        payload: the JSON document, until it is asked for.
        warnings: what Prometheus warns of: partial answers, for example.
        size: bytes of it.
        sent, received: on this machine's monotonic clock.
    """

    payload: dict[str, Any]
    warnings: tuple[str, ...]
    size: int
    sent: float
    received: float

    def json(self, **_: Any) -> Any:  # noqa: ANN401 - as in requests
        """Give the document, parsed already, and keep it no longer: it may be large."""
        payload = self.payload
        del self.payload
        return payload


class Session(requests.Session):
    """A session for one Prometheus."""

    def __init__(self, server: PrometheusServer) -> None:
        super().__init__()
        self._server = server
        self.trust_env = False  # a .netrc must not replace the token
        self.verify = str(server.ca_file) if server.ca_file else True
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Answers are bounded after decompression, and in a cluster the network is the cheaper part.
        self.headers.update({"Accept-Encoding": "identity", **server.headers})
        self._last: Answer | None = None

    def taken(self) -> Answer:
        """Give the last answer; it stays until the next."""
        if self._last is None:
            raise LookupError("nothing was asked yet")
        return self._last

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        params: dict[str, str] | None = None,
        **_: Any,  # noqa: ANN401 - the library's headers, auth and so on, all unset
    ) -> Answer:
        """Ask, and check the answer; queries travel in the body, since they may be long.

        Raises:
            PrometheusUnavailable: whatever is not a good answer.
        """
        self._last = None
        sent = time.monotonic()
        try:
            with self._open(method, url, params) as response:
                body = self._read(response, sent + self._server.timeout)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise self._slow() from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise PrometheusUnavailable(Trouble.UNREACHABLE, str(error)[:_SHOWN]) from error
        self._last = _checked(response, body, sent)
        return self._last

    def _open(self, method: str, url: str, params: dict[str, str] | None) -> requests.Response:
        post = method == "POST"
        return super().request(
            method,
            url,
            data=params if post else None,
            params=None if post else params,
            headers=self._authorization(),
            timeout=(self._server.connect_timeout, self._server.timeout),
            allow_redirects=False,
            stream=True,
        )

    def _authorization(self) -> dict[str, str]:
        if self._server.token_file is None:
            return {}
        try:
            token = self._server.token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            detail = f"the token file cannot be read: {error}"
            raise PrometheusUnavailable(Trouble.CONFIGURATION, detail) from error
        return {"Authorization": f"Bearer {token}"}

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """Read the body, at most so large and so long."""
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._server.answer_limit:
                detail = f"more than {self._server.answer_limit} bytes; narrow what is asked"
                raise PrometheusUnavailable(Trouble.TOO_LARGE, detail)
            if time.monotonic() > deadline:
                raise self._slow()
        return bytes(body)

    def _slow(self) -> PrometheusUnavailable:
        detail = f"no whole answer within {self._server.timeout:g} s"
        return PrometheusUnavailable(Trouble.SLOW, detail)


def _checked(response: requests.Response, body: bytes, sent: float) -> Answer:
    """Make an answer of a response, or say what is wrong with it."""
    status = response.status_code
    if 300 <= status < 400:
        target = response.headers.get("Location", "nowhere")[:_SHOWN]
        detail = f"status {status} to {target}; give the address behind the login"
        raise PrometheusUnavailable(Trouble.REDIRECTED, detail)
    if status in {401, 403}:
        raise PrometheusUnavailable(Trouble.FORBIDDEN, f"status {status}; check the token")
    payload = _parsed(body)
    if status != 200:
        trouble = Trouble.REFUSED if payload and status in {400, 422} else Trouble.STATUS
        raise PrometheusUnavailable(trouble, f"status {status}: {_said(payload, body)}")
    if payload is not None and payload.get("status") == "error":
        raise PrometheusUnavailable(Trouble.REFUSED, _said(payload, body))
    if payload is None or not _well_formed(payload):
        detail = f"the answer is not Prometheus's: {_said(payload, body)}"
        raise PrometheusUnavailable(Trouble.NOT_PROMETHEUS, detail)
    return _answer(response, payload, len(body), sent)


def _answer(response: requests.Response, payload: dict[str, Any], size: int, sent: float) -> Answer:
    answer = Answer()
    answer.status_code = response.status_code
    answer.headers = response.headers
    answer.payload, answer.warnings, answer.size = payload, _warnings(payload), size
    answer.sent, answer.received = sent, time.monotonic()
    return answer


def _warnings(payload: dict[str, Any]) -> tuple[str, ...]:
    texts = payload.get("warnings")
    return tuple(str(text)[:_SHOWN] for text in texts) if isinstance(texts, list) else ()


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _well_formed(payload: dict[str, Any]) -> bool:
    data = payload.get("data")
    if payload.get("status") != "success" or not isinstance(data, dict):
        return False
    return isinstance(data.get("result"), list)


def _said(payload: dict[str, Any] | None, body: bytes) -> str:
    if payload is not None:
        return str(payload.get("error", "no reason given"))[:_SHOWN]
    return repr(body[:80].decode("utf-8", "replace")) if body else "an empty body"
