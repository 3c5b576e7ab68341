"""A local stack must not find a real Azure, nor ask a proxy for loopback."""

from app.local.local_azure import local_environment


def test_credentials_of_a_real_azure_are_left_out() -> None:
    inherited = {"AZURE_CLIENT_SECRET": "real", "AZUREML_RUN_ID": "x", "ARM_CLOUD_METADATA_URL": "y", "PATH": "/bin"}
    assert set(local_environment(inherited)).isdisjoint(
        {"AZURE_CLIENT_SECRET", "AZUREML_RUN_ID", "ARM_CLOUD_METADATA_URL"}
    )
    assert local_environment(inherited)["PATH"] == "/bin"


def test_loopback_is_asked_directly_besides_what_was() -> None:
    assert local_environment({"no_proxy": "corp.example"})["NO_PROXY"] == "corp.example,127.0.0.1,localhost"


def test_pace_that_somebody_set_is_kept() -> None:
    assert local_environment({"MLRELEASE_POLL_SECONDS": "3"})["MLRELEASE_POLL_SECONDS"] == "3"
