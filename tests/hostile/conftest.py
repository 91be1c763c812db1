"""The real API server, asked as tests/api asks it."""

from api.conftest import try_create

__all__ = ["try_create"]
