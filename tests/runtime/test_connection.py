"""Watches and writes go to one API server, whichever way it is given."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import kopf
import pytest
from aiohttp import web
from kopf._cogs.clients.api import request as authenticated

from pecr_rollout.cluster.connection import open_api
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


def test_a_watch_whose_connection_died_unnoticed_is_begun_anew_soon() -> None:
    """Otherwise nobody would hear a person for five minutes."""
    settings = kopf.OperatorSettings()
    handlers.configure(settings)
    silent, client = settings.watching.inactivity_timeout, settings.watching.client_timeout
    assert 60 < silent < client


async def test_an_api_server_that_is_away_for_long_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """kopf gives up after a minute of 503, and the process with it, unless it is told not to."""
    monkeypatch.setattr(handlers, "BACKOFFS", (0.001,))
    refusals = 50

    async def answer(_: web.BaseRequest) -> web.Response:
        nonlocal refusals
        refusals -= 1
        return web.json_response({"kind": "Status"}, status=503 if refusals >= 0 else 200)

    settings = kopf.OperatorSettings()
    handlers.configure(settings)
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as session:
        context = SimpleNamespace(server=f"http://{host}:{port}", session=session)
        request = authenticated.__wrapped__
        logger = logging.getLogger("kopf")
        found = await request("get", "/api", settings=settings, context=context, logger=logger)
        assert found.status == 200
    await runner.cleanup()
