"""What the SDK's own schemas have against a file, as sentences with places."""

from typing import Any

import pytest

from app.azureml.schema_check import check_deployment, check_endpoint

SIZE = {"instance_type": "Standard_E2s_v3"}


def collecting(**collection: Any) -> dict[str, Any]:
    return {"data_collector": {"collections": {"model_inputs": collection}}}


@pytest.mark.parametrize(
    "written",
    [
        {},
        collecting(enabled="true"),
        collecting(enabled="true", data={"name": "seen", "version": "1", "path": "azureml://datastores/x/paths/y"}),
        {"liveness_probe": {"period": 10}, "request_settings": {"request_timeout_ms": 5000}},
        {"scale_settings": {"type": "default"}, "egress_public_network_access": "Disabled", "type": "Managed"},
        {"code_configuration": {"code": "./src", "scoring_script": "score.py"}, "environment_variables": {"A": "on"}},
    ],
)
def test_what_the_sdk_takes_is_well(written: dict[str, Any]) -> None:
    assert check_deployment({**SIZE, **written}) == []


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        (collecting(enabled=True), ["data_collector", "collections", "model_inputs", "enabled"], "must be `true` or `false`, not True; put it in quotes"),
        ({"data_collector": {"collections": {"value": {"enabled": "maybe"}}}}, ["data_collector", "collections", "value", "enabled"], "must be `true` or `false`, not 'maybe'"),
        (collecting(enabled="true", data={"version": 1}), ["data_collector", "collections", "model_inputs", "data", "version"], "must be text"),
        ({"data_collector": {"rolling_rate": "weekly", "collections": {}}}, ["data_collector", "rolling_rate"], "must be `minute`, `day` or `hour`, not 'weekly'"),
        ({"scale_settings": {}}, ["scale_settings", "type"], "is missing"),
        ({"liveness_probe": {"initial_delay": "soon"}}, ["liveness_probe", "initial_delay"], "must be a whole number"),
        ({"environment_variables": ["A"]}, ["environment_variables"], "must be a mapping (`key: value`)"),
        ({"surge": 1}, ["surge"], "is a key that Azure ML does not know"),
        ({"instance_type": 3}, ["instance_type"], "must be text"),
        ({"data_collector": {}}, [], "cannot be used by Azure ML's SDK: DataCollector.__init__() missing 1 required positional argument: 'collections'"),
    ],
)  # fmt: skip
def test_what_the_sdk_refuses_is_told_with_its_place(written: dict[str, Any], place: list[str], message: str) -> None:
    assert check_deployment({**SIZE, **written}) == [{"place": place, "message": message}]


def test_an_endpoint_is_checked_alike() -> None:
    assert check_endpoint({"auth_mode": "AMLToken", "public_network_access": "Disabled"}) == []
    assert check_endpoint({"auth_mode": "none", "location": 3}) == [
        {"place": ["auth_mode"], "message": "must be `aml_token`, `key` or `aad_token`, not 'none'"},
        {"place": ["location"], "message": "must be text"},
    ]
