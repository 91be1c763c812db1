"""The decision report, kept in a ConfigMap beside the rollout."""

from typing import Final

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import AlreadyExistsError, ConflictError, RefusedError
from pecr_rollout.cluster.names import is_owned, owned_by_whom, owned_object, report_name
from pecr_rollout.cluster.resources import CONFIG_MAPS, Json
from pecr_rollout.report import DecisionReport, to_env, to_json, to_markdown

PART: Final = "report"


def report_manifest(rollout: ControllerRollout, report: DecisionReport) -> Json:
    """Build the ConfigMap with the three forms of a report."""
    data = {
        "report.json": to_json(report),
        "report.md": to_markdown(report),
        "report.env": to_env(report),
    }
    return owned_object(CONFIG_MAPS, rollout, report_name(rollout), PART) | {"data": data}


async def write_report(api: Api, rollout: ControllerRollout, report: DecisionReport) -> None:
    """Keep a report in place of the one before.

    Raises:
        RefusedError: the name is taken by somebody else.
    """
    wanted = report_manifest(rollout, report)
    namespace, name = rollout.metadata.namespace, report_name(rollout)
    there = await api.find(CONFIG_MAPS, namespace, name)
    if there is None:
        await _create(api, wanted)
    elif not is_owned(there, rollout):
        raise RefusedError(
            f"ConfigMap {name} belongs to {owned_by_whom(there)}; delete or rename it, since the"
            f" decision report is kept under this name"
        )
    elif there.get("data") != wanted["data"]:
        metadata = there["metadata"]
        guard = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        patch = {"metadata": guard, "data": wanted["data"]}
        await api.merge(CONFIG_MAPS, namespace, name, patch)


async def _create(api: Api, config_map: Json) -> None:
    try:
        await api.create(CONFIG_MAPS, config_map)
    except AlreadyExistsError as error:
        raise ConflictError(str(error)) from error
