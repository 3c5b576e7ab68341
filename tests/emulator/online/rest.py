"""A small client for the emulator's ARM and scoring requests."""

import json
from typing import Any

import httpx

from tests.emulator.running import RunningEmulator
from tests.waiting import wait_until

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
Json = dict[str, Any]


class Rest:
    """Requests to one emulator as one principal: the owner, or somebody with fewer rights."""

    def __init__(self, running: RunningEmulator, principal: Json | None = None) -> None:
        self.running = running
        self.http = running.client
        self.principal = principal or {"client_id": None, "secret": None}
        self.headers = {"Authorization": f"Bearer {self.token('https://management.azure.com')}"}

    def token(self, audience: str) -> str:
        who = self.principal
        return self.running.token(client_id=who["client_id"], secret=who["secret"], audience=audience)

    def set_quota(self, family: str, *, cores: int) -> None:
        body = {"location": "eastus", "family": family, "cores": cores}
        self.http.put("/emulator/v1/quotas", json=body, headers=self.running.control_headers).raise_for_status()

    def arm(self, method: str, path: str, body: Json | None = None, *, workspace: str = "ws-dev") -> httpx.Response:
        url = f"{workspace_id(workspace)}/{path}"
        separator = "&" if "?" in path else "?"
        return self.http.request(
            method, f"{url}{separator}api-version=2023-04-01-preview", json=body, headers=self.headers
        )

    def finish(self, answer: httpx.Response) -> Json:
        """Follow an operation to its end."""
        assert answer.status_code in (200, 201, 202), answer.text
        url = answer.headers["azure-asyncoperation"]
        found: Json = {}

        def over() -> bool:
            nonlocal found
            found = self.http.get(url, headers=self.headers).raise_for_status().json()
            return bool(found["status"] != "InProgress")

        wait_until(over, what="the operation", seconds=60)
        return found

    def create_endpoint(self, name: str, *, workspace: str = "ws-dev", **properties: Any) -> Json:
        body = {"location": "eastus", "properties": {"authMode": "Key", **properties}}
        ended = self.finish(self.arm("PUT", f"onlineEndpoints/{name}", body, workspace=workspace))
        assert ended["status"] == "Succeeded", ended
        return self.endpoint(name, workspace=workspace)

    def endpoint(self, name: str, *, workspace: str = "ws-dev") -> Json:
        found: Json = self.arm("GET", f"onlineEndpoints/{name}", workspace=workspace).raise_for_status().json()
        return found

    def put_traffic(self, name: str, traffic: dict[str, int], mirror: dict[str, int] | None = None) -> httpx.Response:
        body = self.endpoint(name)
        body["properties"] |= {"traffic": traffic, "mirrorTraffic": mirror or {}}
        return self.arm("PUT", f"onlineEndpoints/{name}", body)

    def set_traffic(self, name: str, traffic: dict[str, int], mirror: dict[str, int] | None = None) -> None:
        ended = self.finish(self.put_traffic(name, traffic, mirror))
        assert ended["status"] == "Succeeded", ended

    def deployment(self, endpoint: str, name: str) -> Json:
        found: Json = self.arm("GET", f"onlineEndpoints/{endpoint}/deployments/{name}").raise_for_status().json()
        return found

    def put_deployment(
        self,
        endpoint: str,
        name: str,
        *,
        code: str,
        instances: int = 1,
        environment: str = "online-plain",
        **properties: Any,
    ) -> httpx.Response:
        body = {
            "location": "eastus",
            "sku": {"name": "Default", "capacity": instances},
            "properties": {
                "endpointComputeType": "Managed",
                "model": f"{workspace_id('ws-dev')}/models/words/versions/1",
                "environmentId": f"{workspace_id('ws-dev')}/environments/{environment}/versions/1",
                "codeConfiguration": {
                    "codeId": f"{workspace_id('ws-dev')}/codes/{code}/versions/1",
                    "scoringScript": "score.py",
                },
                "instanceType": "Standard_E2s_v3",
                **properties,
            },
        }
        return self.arm("PUT", f"onlineEndpoints/{endpoint}/deployments/{name}", body)

    def deploy(self, endpoint: str, name: str, *, code: str = "echo", **more: Any) -> None:
        ended = self.finish(self.put_deployment(endpoint, name, code=code, **more))
        assert ended["status"] == "Succeeded", ended

    def logs(self, endpoint: str, name: str, *, container: str | None = None) -> str:
        body = {"containerType": container, "tail": 200}
        answer = self.arm("POST", f"onlineEndpoints/{endpoint}/deployments/{name}/getLogs", body)
        return str(answer.raise_for_status().json()["content"])

    def key(self, endpoint: str) -> str:
        return str(self.arm("POST", f"onlineEndpoints/{endpoint}/listKeys").raise_for_status().json()["primaryKey"])

    def score(self, endpoint: str, body: Any, *, deployment: str = "", key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key(endpoint) if key is None else key}"}
        if deployment:
            headers["azureml-model-deployment"] = deployment
        return self.http.post(f"/inference/eastus/{endpoint}/score", json=body, headers=headers)

    def upload(self, name: str, files: dict[str, str]) -> str:
        """Put files into a container of their own; its address."""
        pending = self.arm("POST", f"codes/{name}/versions/1/startPendingUpload", {}).raise_for_status().json()
        reference = pending["blobReferenceForConsumption"]
        where, _, signature = reference["credential"]["sasUri"].partition("?")
        for path, content in files.items():
            put = self.http.put(f"{where}/{path}?{signature}", content=content, headers={"x-ms-blob-type": "BlockBlob"})
            assert put.status_code == 201, put.text
        return str(reference["blobUri"])

    def register_code(self, name: str, script: str) -> None:
        uri = self.upload(name, {"src/score.py": script})
        body = {"properties": {"codeUri": f"{uri}/src"}}
        self.arm("PUT", f"codes/{name}/versions/1", body).raise_for_status()

    def register_model(self, name: str, files: dict[str, str]) -> None:
        uri = self.upload(f"model-{name}", {f"{name}/{path}": content for path, content in files.items()})
        body = {"properties": {"modelUri": f"{uri}/{name}", "modelType": "custom_model"}}
        self.arm("PUT", f"models/{name}/versions/1", body).raise_for_status()

    def register_environment(self, name: str, packages: list[str]) -> None:
        conda = json.dumps({"dependencies": ["python=3.11", {"pip": packages}]})
        body = {"properties": {"image": "mcr.microsoft.com/azureml/minimal:latest", "condaFile": conda}}
        self.arm("PUT", f"environments/{name}/versions/1", body).raise_for_status()


def workspace_id(name: str) -> str:
    return (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    )


def refusal(answer: httpx.Response) -> str:
    """The sentence inside a refusal of the inferencing service."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["message"] == "The request is invalid."
    inside = json.loads(error["details"][0]["message"])
    return " ".join(sentence for sentences in inside["errors"].values() for sentence in sentences)
