"""Azure ML as somebody else sees it who looks into the portal: over REST, with a token of the owner."""

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import wait_until

Json = dict[str, Any]

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
# Of idle connections: the servers end theirs after five seconds, and a request must not meet that.
KEPT_FOR_LESS = httpx.Limits(keepalive_expiry=2.0)
_PROVIDER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml/providers/Microsoft.MachineLearningServices"


class Azure:
    """The emulator of a running stack, seen from outside, and switched by its control API."""

    def __init__(self, environment: Mapping[str, str], data: Path) -> None:
        self.environment = environment
        self.data = data
        self.base_url = environment["ARM_CLOUD_METADATA_URL"].split("/metadata", 1)[0]
        trusted = ssl.create_default_context(cafile=environment["REQUESTS_CA_BUNDLE"])
        self.http = httpx.Client(
            base_url=self.base_url, verify=trusted, trust_env=False, timeout=60, limits=KEPT_FOR_LESS
        )

    def versions(self, name: str, *, workspace: str | None = None) -> list[str]:
        """The versions of a model, the oldest first: in a workspace, else in the registry."""
        found = self._look(_versions(name, workspace=workspace))
        return sorted((each["id"].rsplit("/", 1)[1] for each in found["value"]), key=int) if found else []

    def endpoint(self, workspace: str, name: str) -> Json | None:
        return self._look(f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{name}")

    def traffic(self, workspace: str, name: str) -> dict[str, int]:
        endpoint = self.endpoint(workspace, name)
        assert endpoint is not None, f"{workspace} has no endpoint {name}"
        return {deployment: share for deployment, share in endpoint["properties"]["traffic"].items() if share}

    def deployments(self, workspace: str, endpoint: str) -> set[str]:
        found = self._look(f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{endpoint}/deployments")
        return {each["name"] for each in found["value"]} if found else set()

    def make_endpoint(self, workspace: str, name: str) -> None:
        """As somebody else would, by hand."""
        body = {"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": {"authMode": "Key"}}
        self._send("PUT", f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{name}", body).raise_for_status()

    def delete_endpoint(self, workspace: str, name: str) -> None:
        self._send("DELETE", f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{name}").raise_for_status()

    def deployment(self, workspace: str, endpoint: str, name: str) -> Json | None:
        return self._look(_deployment(workspace, endpoint, name))

    def delete_deployment(self, workspace: str, endpoint: str, name: str) -> None:
        """By hand, and wait until it is gone."""
        self._send("DELETE", _deployment(workspace, endpoint, name)).raise_for_status()
        wait_until(lambda: self.deployment(workspace, endpoint, name) is None, what=f"the end of {name}")

    def put_deployment(self, workspace: str, endpoint: str, name: str, body: Json) -> None:
        """By hand, and wait until it can answer."""
        self._send("PUT", _deployment(workspace, endpoint, name), body).raise_for_status()

        def is_up() -> bool:
            found = self.deployment(workspace, endpoint, name)
            return found is not None and found["properties"]["provisioningState"] == "Succeeded"

        wait_until(is_up, what=f"{name} of {endpoint} is up")

    def copy_deployment(self, workspace: str, endpoint: str, name: str, copy: str) -> None:
        """Another one of the same model and code, as somebody else would make it: without our tags."""
        found = self.deployment(workspace, endpoint, name)
        assert found is not None, f"{endpoint} has no deployment {name}"
        kept: Json = {
            each: found[each] for each in ("location", "kind", "sku", "identity", "properties") if each in found
        }
        kept["properties"] = {each: value for each, value in kept["properties"].items() if each != "provisioningState"}
        self.put_deployment(workspace, endpoint, copy, {**kept, "tags": {}})

    def tag_deployment(self, workspace: str, endpoint: str, name: str, **tags: str) -> None:
        """Set some of its tags by hand."""
        found = self.deployment(workspace, endpoint, name)
        assert found is not None, f"{endpoint} has no deployment {name}"
        self.put_deployment(workspace, endpoint, name, {**found, "tags": {**found["tags"], **tags}})

    def set_traffic(
        self, workspace: str, endpoint: str, traffic: Mapping[str, int], *, mirror: Mapping[str, int] | None = None
    ) -> None:
        """By hand, and wait until it is in force. ``mirror`` None: as it is."""
        found = self.endpoint(workspace, endpoint)
        assert found is not None, f"{workspace} has no endpoint {endpoint}"
        shares = (
            {"traffic": dict(traffic)} if mirror is None else {"traffic": dict(traffic), "mirrorTraffic": dict(mirror)}
        )
        body = {**found, "properties": {**found["properties"], **shares}}
        self._send("PUT", f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{endpoint}", body).raise_for_status()

        def is_in_force() -> bool:
            seen = self.endpoint(workspace, endpoint)
            return seen is not None and seen["properties"]["provisioningState"] == "Succeeded"

        wait_until(is_in_force, what=f"the traffic of {endpoint} is set")

    def keys(self, workspace: str, endpoint: str) -> list[str]:
        """The endpoint's keys: what must be found nowhere but here and in the Key Vault."""
        found = self.ask("POST", f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{endpoint}/listKeys")
        return [found["primaryKey"], found["secondaryKey"]]

    def regenerate_key(self, workspace: str, endpoint: str) -> None:
        """The primary one: the old one stops working."""
        path = f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{endpoint}/regenerateKeys"
        self._send("POST", path, {"keyType": "Primary"}).raise_for_status()

    def model_file(self, name: str, *, workspace: str | None = None) -> Path:
        """The tiny model's file as the emulated storage keeps it: of version 1 in a workspace, else in the registry."""
        container = self.ask("GET", f"{_versions(name, workspace=workspace)}/1")["properties"]["modelUri"]
        marks = re.findall(r"registry-[a-z0-9-]+|azureml-models/[^/]+/1", container)
        (found,) = (file for file in (self.data / "blobs").rglob("factor.json") if marks[0] in file.as_posix())
        return found

    def set_quota(self, family: str, cores: int) -> None:
        self.control("PUT", "quotas", {"location": "eastus", "family": family, "cores": cores})

    def delay(self, **seconds: float) -> None:
        """How long operations take: ``deployment=2.0``."""
        self.control("PUT", "delays", seconds)

    def break_request(self, path: str, **fault: Any) -> None:
        self.control("POST", "faults/requests", {"path": path, **fault})

    def faults(self) -> list[Json]:
        """Those that still wait for a request."""
        listed: list[Json] = self.control("GET", "faults", None)["requests"]
        return listed

    def heal(self) -> None:
        self.control("DELETE", "faults", None)

    def principal(self, name: str, assignments: Sequence[Json]) -> dict[str, str]:
        """The environment of a service principal with these rights and no others."""
        made = self.control("POST", "principals", {"name": name, "assignments": list(assignments)})
        return {"AZURE_CLIENT_ID": made["client_id"], "AZURE_CLIENT_SECRET": made["secret"]}

    def control(self, method: str, path: str, body: Any) -> Any:
        answer = self.http.request(method, f"/emulator/v1/{path}", json=body, headers=self._control_headers())
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _control_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.data / 'control.secret').read_text()}"}

    def ask(self, method: str, path: str, body: Any = None) -> Json:
        answer = self._send(method, path, body)
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def _look(self, path: str) -> Json | None:
        answer = self._send("GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def _send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token()}"}
        return self.http.request(method, path, json=body, params={"api-version": "2024-10-01"}, headers=headers)

    def _token(self) -> str:
        answer = self.http.post(
            f"/adfs/{self.environment['AZURE_TENANT_ID']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.environment["AZURE_CLIENT_ID"],
                "client_secret": self.environment["AZURE_CLIENT_SECRET"],
                "scope": f"{self.base_url}/.default",
            },
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])


def _deployment(workspace: str, endpoint: str, name: str) -> str:
    return f"{_PROVIDER}/workspaces/{workspace}/onlineEndpoints/{endpoint}/deployments/{name}"


def _versions(model: str, *, workspace: str | None) -> str:
    if workspace is None:
        return f"/mferp/managementfrontend{_PROVIDER}/registries/reg-shared/models/{model}/versions"
    return f"{_PROVIDER}/workspaces/{workspace}/models/{model}/versions"


@contextmanager
def looking_at(environment: Mapping[str, str], data: Path) -> Iterator[Azure]:
    azure = Azure(environment, data)
    with azure.http:
        yield azure
