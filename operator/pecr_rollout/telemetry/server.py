"""How a Prometheus is reached, and how it names what the operator asks for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pecr_rollout.api.analysis import LabelMatcher

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusServer:
    """One Prometheus, or what answers like one (Thanos, Mimir).

    Attributes:
        name: as `analysis.prometheus` of a rollout calls it.
        url: without `/api/v1`.
        token_file: a bearer token, read again for every query, since it is rotated.
        ca_file: certificates to trust in place of the public ones.
        headers: sent with every query, for example a tenant's.
        connect_timeout, timeout: seconds until a connection, and until the whole answer.
        answer_limit: bytes; a larger answer is refused.
        delay: seconds after a tick before it is asked for, so that scrapes begun before the tick
            are stored; more behind a remote write.
        stale_after: how many evaluations old the newest sample of a pod may be.
        namespace_label, pod_label: what Prometheus calls a pod's namespace and name.
        matchers: added to every query, for example `cluster="a"` where one server has several.
    """

    url: str
    name: str = "default"
    token_file: Path | None = None
    ca_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    connect_timeout: float = 5.0
    timeout: float = 15.0
    answer_limit: int = 64 * 1024 * 1024
    delay: float = 0.3
    stale_after: float = 1.5
    namespace_label: str = "namespace"
    pod_label: str = "pod"
    matchers: tuple[LabelMatcher, ...] = ()

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"Prometheus {self.name!r}: {self.url!r} is no http or https URL")
        for label in (self.namespace_label, self.pod_label):
            if not _LABEL_NAME.fullmatch(label):
                raise ValueError(f"Prometheus {self.name!r}: {label!r} is no name of a label")
