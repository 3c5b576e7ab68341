"""The environment of processes that work against the local emulator."""

from collections.abc import Mapping

# What DefaultAzureCredential and the Azure ML SDK read. None of it may reach a local stack: it must not find a real Azure.
_OF_A_REAL_AZURE = ("AZURE_", "AZUREML_", "ARM_", "MSI_", "IDENTITY_")

LOCAL_PACE = {
    "MLRELEASE_POLL_SECONDS": "0.2",
    "MLRELEASE_METRICS_DELAY_SECONDS": "3",
    "MLRELEASE_JOB_POLL_SECONDS": "1",
    "MLRELEASE_QUEUE_POLL_SECONDS": "0.25",
}


def local_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """``inherited`` without every way to a real Azure or through a proxy to loopback, polling at the emulator's pace."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_OF_A_REAL_AZURE)}
    direct = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), "127.0.0.1", "localhost"]))
    return {**LOCAL_PACE, **kept, "NO_PROXY": direct, "no_proxy": direct}
