"""The operator's own HTTP surface, over a real socket."""

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from pecr_rollout.api.status import Phase, Status
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.surface import application, listening

KEY = Key("ns", "a")


async def fetch(port: int, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_health_and_readiness_say_what_is_wrong() -> None:
    problems = {"alive": "", "ready": "not watching yet"}
    app = application(Metrics().text, lambda: problems["alive"], lambda: problems["ready"])
    async with listening(app, "127.0.0.1", 0) as port:
        assert await fetch(port, "/healthz") == (200, "ok")
        assert await fetch(port, "/readyz") == (503, "not watching yet")
        problems["ready"] = ""
        assert await fetch(port, "/readyz") == (200, "ok")
        assert (await fetch(port, "/"))[0] == 404


async def test_metrics_show_a_rollout_while_it_is_there() -> None:
    metrics = Metrics()
    metrics.show(KEY, Status(phase=Phase.FALLBACK), 100.0)
    app = application(metrics.text, str, str)
    async with listening(app, "127.0.0.1", 0) as port:
        status, text = await fetch(port, "/metrics")
        assert status == 200
        samples = {
            (s.name, s.labels.get("phase")): s.value
            for family in text_string_to_metric_families(text)
            for s in family.samples
            if s.labels.get("name") == "a"
        }
        assert samples["pecr_rollout_phase", "Fallback"] == 1
        assert samples["pecr_rollout_phase", "Canary"] == 0
        assert samples["pecr_rollout_incident_opened_timestamp_seconds", None] == 100
        metrics.forget(KEY)
        assert 'name="a"' not in (await fetch(port, "/metrics"))[1]
