"""The production half of the pipeline that we replace, as one script: five steps, each waited for before the next."""

import os

from azure.ai.ml import MLClient
from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment, ManagedOnlineEndpoint
from azure.identity import DefaultAzureCredential

NAME, MODEL, ENVIRONMENT, REGISTRY = "sequential", "bench", "team-env", "reg-shared"


def main() -> None:
    """Share model and environment, make endpoint and deployment, give it the traffic."""
    credential = DefaultAzureCredential(disable_instance_discovery=True)
    place = (os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_GROUP"])
    dev = MLClient(credential, *place, "ws-dev")
    prod = MLClient(credential, *place, "ws-prod")
    dev.models.share(MODEL, "1", registry_name=REGISTRY, share_with_name=NAME, share_with_version="1")
    dev.environments.share(ENVIRONMENT, "1", registry_name=REGISTRY, share_with_name=NAME, share_with_version="1")
    endpoint = ManagedOnlineEndpoint(name=NAME, auth_mode="key")
    endpoint = prod.online_endpoints.begin_create_or_update(endpoint).result()
    prod.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="blue",
            endpoint_name=NAME,
            model=f"azureml://registries/{REGISTRY}/models/{NAME}/versions/1",
            environment=f"azureml://registries/{REGISTRY}/environments/{NAME}/versions/1",
            code_configuration=CodeConfiguration(code=os.environ["BENCH_CODE"], scoring_script="score.py"),
            instance_type="Standard_E2s_v3",
            instance_count=1,
        )
    ).result()
    endpoint.traffic = {"blue": 100}
    prod.online_endpoints.begin_create_or_update(endpoint).result()


if __name__ == "__main__":
    main()
