"""Reads of ConfigMaps and Secrets, shared by pods that start at the same time."""

import asyncio
import base64
import threading
from concurrent.futures import Executor
from typing import Any

from pecrfleet.environment import Data
from pecrfleet.kube import KubeClient, KubeError

_Name = tuple[str, str, str]


class Lookups:
    """Joins a read only while it has not been sent, so that no one gets data older than his ask."""

    def __init__(self, client: KubeClient, pool: Executor) -> None:
        self._client, self._pool = client, pool
        self._unsent: dict[_Name, asyncio.Future[Data | None]] = {}
        self._lock = threading.Lock()

    async def get(self, kind: str, namespace: str, name: str) -> Data | None:
        """Its data, or None when there is no such object."""
        key = (kind, namespace, name)
        with self._lock:
            shared = self._unsent.get(key)
            if shared is None:
                loop = asyncio.get_running_loop()
                shared = loop.run_in_executor(self._pool, self._read, key)
                self._unsent[key] = shared
        return await asyncio.shield(shared)

    def _read(self, key: _Name) -> Data | None:
        with self._lock:
            self._unsent.pop(key, None)
        kind, namespace, name = key
        try:
            found: Any = self._client.get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
        except KubeError as error:
            if error.status == 404:
                return None
            raise
        data: Data = found.get("data") or {}
        if kind == "secrets":
            return {key: base64.b64decode(value).decode() for key, value in data.items()}
        return data
