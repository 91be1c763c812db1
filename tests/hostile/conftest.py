"""The real API server, asked as tests/api asks it."""

from api.conftest import crd, try_create

__all__ = ["crd", "try_create"]
