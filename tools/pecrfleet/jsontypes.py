"""A name for what JSON parses to."""

from typing import Any, TypeAlias

# Objects of the API server and bodies of requests: their shape is known to people, not to mypy.
Json: TypeAlias = Any
