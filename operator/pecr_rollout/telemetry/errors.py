"""Why Prometheus gave no answer that can be used."""

from enum import StrEnum


class Trouble(StrEnum):
    """What went wrong with a query. Values stand in metrics and messages."""

    UNREACHABLE = "Unreachable"  # no connection: down, wrong address, TLS, cut off
    SLOW = "Slow"  # no answer in time
    FORBIDDEN = "Forbidden"  # 401 or 403
    REDIRECTED = "Redirected"  # to a login page, most likely; never followed
    STATUS = "Status"  # any other status than 200
    REFUSED = "Refused"  # status=error: the query itself, or a limit of the server
    NOT_PROMETHEUS = "NotPrometheus"  # 200, but not Prometheus's JSON: HTML of a proxy, for example
    TOO_LARGE = "TooLarge"  # more bytes than the limit
    CONFIGURATION = "Configuration"  # the token file cannot be read, for example


class PrometheusUnavailable(Exception):  # noqa: N818 - it names the judge's reason
    """Prometheus gave no answer that can be used.

    Attributes:
        trouble: what went wrong, in one word.
        detail: the same for a person.
    """

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(f"{trouble}: {detail}")
        self.trouble = trouble
        self.detail = detail
