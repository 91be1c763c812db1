"""What a local cluster can be told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

ProviderName = Literal["process", "kind"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings of one cluster; the defaults suit tests and the demo."""

    provider: ProviderName = "process"
    nodes: int = 4
    """How many kwok nodes; each takes thousands of pods."""
    prometheus: bool = True
    fleet: bool = True
    scrape_interval: str = "1s"
    audit: bool = False
    """Write every request's metadata to `LocalCluster.audit_log`."""
    audit_policy: Mapping[str, Any] | None = None
    """An audit Policy to use instead; it turns auditing on too."""
    crash_backoff: tuple[float, float] = (1.0, 20.0)
    """First and longest wait of a crash loop in seconds; a kubelet's are 10 and 300."""
    extra_scrape_configs: Sequence[Mapping[str, Any]] = ()
    """More entries of Prometheus's scrape_configs, for example for the operator itself."""
    apiserver_args: tuple[str, ...] = ()
    controller_manager_args: tuple[str, ...] = ()
    prometheus_args: tuple[str, ...] = ()
    start_timeout: float = 60.0
    kind_image: str | None = None
    """The node image of `kind create cluster`; kind's own default otherwise."""

    def to_json(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Options":
        """What `to_json` wrote."""
        known = {field.name for field in fields(cls)}
        # JSON has no tuples: every list of ours was one.
        given: dict[str, Any] = {
            name: tuple(each) if isinstance(each, list) else each
            for name, each in value.items()
            if name in known
        }
        return cls(**given)
