"""Addresses under which a run's logs can be read without a token, for a while."""

from pathlib import Path
from urllib.parse import quote

from emulator.blob.authorization import container_sas
from emulator.jobs import artifacts
from emulator.state import Emulator
from emulator.storage import ARTIFACT_STORE, account_url
from emulator.store import Document


def of_logs(azure: Emulator, workspace: Document, run: Document) -> dict[str, str]:
    """A run's log files: name -> address, as the run history gives them."""
    account, container = workspace["account"], workspace["containers"][ARTIFACT_STORE]
    secret = azure.store.get("accounts", account)
    if secret is None:
        return {}
    signature = container_sas(secret["key"], account=account, container=container, permissions="r", hours=1)
    root = Path("ExperimentRun") / f"dcid.{run['name']}"
    names = artifacts.log_names(azure, workspace=workspace["name"], run=run["name"])
    return {
        name: f"{account_url(azure, account)}/{container}/{quote((root / name).as_posix())}?{signature}"
        for name in names
    }
