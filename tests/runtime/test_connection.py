"""Watches and writes go to one API server, whichever way it is given."""

import json
from pathlib import Path
from types import SimpleNamespace

import kopf
import pytest

from pecr_rollout.cluster.client import open_api
from pecr_rollout.runtime import handlers, main
from pecr_rollout.runtime.settings import Settings


def kubeconfig(folder: Path, server: str) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = folder / f"{server.rpartition('/')[2]}.json"
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture(autouse=True)
def around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment as in a pod, with another kubeconfig in it."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, "https://environment"))
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: SimpleNamespace(server="p"))


@pytest.mark.parametrize("given", [True, False], ids=["an option", "the environment"])
async def test_both_clients_go_where_a_kubeconfig_says(
    given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "serve", lambda _: None)
    monkeypatch.setattr(main.asyncio, "run", lambda _: None)
    monkeypatch.setattr(main.logs, "configure", lambda *_, **__: None)
    path = kubeconfig(tmp_path, "https://option") if given else None
    main.run(Settings(prometheus_url="http://p", kubeconfig=path))
    wanted = "https://option" if given else "https://environment"
    watching = handlers.login(settings=kopf.OperatorSettings())
    assert watching is not None
    assert watching.server == wanted
    async with open_api(path) as api:
        assert api.client.configuration.host == wanted
