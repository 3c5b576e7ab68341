"""Tokens and rights: who gets in, and who may do what."""

import base64
import json
import uuid
from typing import Any

import jwt
import pytest

from emulator.gate import normal_path, words_of
from emulator.rights import Assignment, required
from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.running import RunningEmulator

_GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
_PROVIDER = f"{_GROUP_ID}/providers/Microsoft.MachineLearningServices"
_WORKSPACE = f"{_PROVIDER}/workspaces/ws-dev"


def token_request(azure: RunningEmulator, **changed: str) -> tuple[int, dict[str, Any]]:
    form = {
        "grant_type": "client_credentials",
        "client_id": azure.environment["AZURE_CLIENT_ID"],
        "client_secret": azure.environment["AZURE_CLIENT_SECRET"],
        "scope": f"{azure.base_url}/.default",
        **changed,
    }
    tenant = form.pop("tenant", azure.environment["AZURE_TENANT_ID"])
    answer = azure.client.post(f"/adfs/{tenant}/oauth2/v2.0/token", data=form)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"client_secret": "wrong"}, "AADSTS7000215"),
        ({"client_id": str(uuid.uuid4())}, "AADSTS700016"),
        ({"tenant": str(uuid.uuid4())}, "AADSTS90002"),
        ({"grant_type": "password"}, "AADSTS70003"),
        ({"scope": ""}, "AADSTS70011"),
    ],
)
def test_no_token_for_wrong_credentials(azure: RunningEmulator, changed: dict[str, str], code: str) -> None:
    status, body = token_request(azure, **changed)
    assert status in (400, 401)
    assert code in body["error_description"]


def test_a_token_says_for_whom_and_what_it_is(azure: RunningEmulator) -> None:
    claims = jwt.decode(azure.token(audience="https://ml.azure.com"), options={"verify_signature": False})
    assert claims["aud"] == "https://ml.azure.com"
    assert claims["appid"] == azure.environment["AZURE_CLIENT_ID"]


def forged(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**read, **claims}).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


def unsigned(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none")


def signed_by_somebody_else(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "another key that is long enough to be one", algorithm="HS256")


def test_without_a_token_nobody_gets_in(azure: RunningEmulator) -> None:
    answer = azure.client.get(_WORKSPACE)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "AuthenticationFailed"
    assert "authorization_uri" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("make", [forged, unsigned, signed_by_somebody_else, lambda token: token[:-4], lambda _: "x"])
def test_a_token_that_was_made_up_is_refused(azure: RunningEmulator, make: Any) -> None:
    answer = azure.client.get(_WORKSPACE, headers={"Authorization": f"Bearer {make(azure.token())}"})
    if make is forged:
        answer = azure.client.get(
            _WORKSPACE, headers={"Authorization": f"Bearer {forged(azure.token(), appid=str(uuid.uuid4()))}"}
        )
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"


def test_an_expired_token_is_refused(azure: RunningEmulator) -> None:
    azure.delay(token=1)
    token = azure.token()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 1
    answer = azure.client.get(_WORKSPACE, headers={"Authorization": f"Bearer {token}"})
    while answer.status_code == 200:
        answer = azure.client.get(_WORKSPACE, headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["error"]["code"] == "ExpiredAuthenticationToken"


def as_principal(azure: RunningEmulator, principal: dict[str, Any]) -> dict[str, str]:
    token = azure.token(client_id=principal["client_id"], secret=principal["secret"])
    return {"Authorization": f"Bearer {token}"}


def test_a_reader_may_not_write(azure: RunningEmulator) -> None:
    reader = as_principal(azure, azure.new_principal("reader", {"role": "Reader", "scope": _GROUP_ID}))
    assert azure.client.get(_WORKSPACE, headers=reader).status_code == 200
    answer = azure.client.put(f"{_WORKSPACE}/environments/e/versions/1", headers=reader, json={"properties": {}})
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "AuthorizationFailed"
    assert "Microsoft.MachineLearningServices/workspaces/environments/versions/write" in error["message"]


def test_rights_end_at_their_scope(azure: RunningEmulator) -> None:
    principal = azure.new_principal("dev only", {"role": "Contributor", "scope": _WORKSPACE})
    headers = as_principal(azure, principal)
    assert azure.client.get(_WORKSPACE, headers=headers).status_code == 200
    assert azure.client.get(f"{_PROVIDER}/workspaces/ws-prod", headers=headers).status_code == 403
    assert azure.client.get(f"{_PROVIDER}/workspaces/ws-dev2", headers=headers).status_code == 403


def test_without_rights_to_a_registry_nothing_is_imported(azure: RunningEmulator) -> None:
    reads = azure.new_principal("reads", {"actions": ["Microsoft.MachineLearningServices/*/read"]})
    path = f"/mferp/managementfrontend{_PROVIDER}/registries/reg-shared/import"
    answer = azure.client.post(path, headers=as_principal(azure, reads), json={"properties": {}})
    assert answer.status_code == 403
    assert "registries/assets/write" in answer.json()["error"]["message"]


def test_a_removed_principals_token_is_worthless(azure: RunningEmulator) -> None:
    principal = azure.new_principal("leaves", {"role": "Owner"})
    headers = as_principal(azure, principal)
    assert azure.client.get(_WORKSPACE, headers=headers).status_code == 200
    azure.client.delete(f"/emulator/v1/principals/{principal['client_id']}", headers=azure.control_headers)
    assert azure.client.get(_WORKSPACE, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "", "workspaces/read"),
        ("PUT", "/models/m/versions/1", "workspaces/models/versions/write"),
        ("POST", "/onlineEndpoints/e/listKeys", "workspaces/onlineEndpoints/listKeys/action"),
        ("DELETE", "/onlineEndpoints/e/deployments/d", "workspaces/onlineEndpoints/deployments/delete"),
    ],
)
def test_requests_have_azures_names_of_actions(method: str, path: str, action: str) -> None:
    assert required(method, _WORKSPACE + path) == (f"Microsoft.MachineLearningServices/{action}", _WORKSPACE + path)


def test_what_a_role_withholds_is_withheld() -> None:
    scientist = Assignment(role="AzureML Data Scientist")
    action = "Microsoft.MachineLearningServices/workspaces/"
    assert scientist.allows(f"{action}models/versions/write", scope=_WORKSPACE)
    assert not scientist.allows(f"{action}delete", scope=_WORKSPACE)


def test_arm_words_have_no_case_but_names_keep_theirs() -> None:
    words = words_of(
        ["/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.X/workspaces/{w}/models/{m}/versions/{v}"]
    )
    given = "/Subscriptions/S/RESOURCEGROUPS/G/providers/microsoft.x/Workspaces/MODELS/Models/Versions/versions/1"
    expected = "/subscriptions/S/resourceGroups/G/providers/Microsoft.X/workspaces/MODELS/models/Versions/versions/1"
    assert normal_path(given, words) == expected
