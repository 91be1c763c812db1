"""Label selectors: as text for a list, and which of them covers which."""

import re

from pecr_rollout.cluster.resources import Json

_EXPRESSIONS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}

_WORD = r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_KEY, _VALUE = rf"([-.a-z0-9]{{1,253}}/)?{_WORD}", rf"({_WORD})?"
_VALUES = rf"\(\s*{_VALUE}\s*(,\s*{_VALUE}\s*)*\)"
_TERM = rf"\s*(!\s*{_KEY}|{_KEY}(\s*(==?|!=)\s*{_VALUE}|\s+(in|notin)\s*{_VALUES})?)\s*"
_SELECTOR = re.compile(rf"{_TERM}(,{_TERM})*")


def is_selector(text: str) -> bool:
    """Tell whether a text is a label selector, so that a wrong one is told of at once."""
    return _SELECTOR.fullmatch(text) is not None


def selector_text(selector: Json) -> str:
    """Write a label selector as the API server takes it in a query."""
    equal = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    more = [
        _EXPRESSIONS[e["operator"]].format(key=e["key"], values=",".join(e.get("values") or []))
        for e in selector.get("matchExpressions") or []
    ]
    return ",".join([*sorted(equal), *more])


def widest(selectors: list[Json]) -> list[str]:
    """Give as few selector texts as fit everything that the given ones fit."""
    texts = {selector_text(selector): selector for selector in selectors}
    return [
        text
        for text, selector in texts.items()
        if not any(other != text and _covers(texts[other], selector) for other in texts)
    ]


def _covers(wide: Json, narrow: Json) -> bool:
    labels = (wide.get("matchLabels") or {}).items()
    return not wide.get("matchExpressions") and labels <= (narrow.get("matchLabels") or {}).items()


def fits(selector: Json, labels: dict[str, str]) -> bool:
    """Tell whether a selector fits an object with these labels."""
    equal = (selector.get("matchLabels") or {}).items() <= labels.items()
    return equal and all(_fits(e, labels) for e in selector.get("matchExpressions") or [])


def _fits(expression: Json, labels: dict[str, str]) -> bool:
    there, values = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return there in values
        case "NotIn":
            return there not in values
        case "Exists":
            return there is not None
        case _:
            return there is None
