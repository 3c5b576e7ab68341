"""docs/azure.md: its commands need Azure and are not run here, so what they name is looked up."""

import json
import re

from tests.docs.snippets import ROOT
from tests.infra.deployed import FOLDER, environment, platform, service

PAGE = (ROOT / "docs" / "azure.md").read_text()
DEPLOYMENTS = re.findall(r"az deployment group create (.*)", PAGE)


def test_each_template_is_deployed_in_the_order_that_it_needs() -> None:
    templates = [re.findall(r"--template-file deploy/infra/(\S+)", each)[0] for each in DEPLOYMENTS]

    assert templates == ["platform.bicep", "main.bicep", "main.bicep", "service.bicep"]


def test_files_and_parameters_of_the_commands_are_there() -> None:
    for each in DEPLOYMENTS:
        (file,) = re.findall(r"@deploy/infra/(\S+)", each)
        given = set(re.findall(r"(\w+)=", each.replace("sha256:", "")))
        declared = set(
            re.findall(r"^param (\w+)", (FOLDER / re.findall(r"infra/(\S+\.bicep)", each)[0]).read_text(), re.M)
        )
        assert given | set(json.loads((FOLDER / file).read_text())["parameters"]) <= declared


def test_names_of_the_page_are_those_of_the_templates() -> None:
    made = [each.name for t in (platform(), environment("dev"), environment("prod"), service()) for each in t.resources]

    for name in re.findall(r"--name (mlrelease-\w+)", PAGE) + re.findall(r"`(id-mlrelease-\w+)`", PAGE):
        assert name in made
    for output in ("keyVault", "endpointIdentity"):
        assert f"`{output}`" in PAGE
        assert output in environment("prod").outputs


def test_secrets_of_the_page_are_those_that_the_apps_take() -> None:
    taken = {
        each["keyVaultUrl"].rpartition("/")[2]
        for resource in service().resources
        if resource.type == "Microsoft.App/containerApps" and not resource.existing
        for each in resource.body["properties"]["configuration"]["secrets"]
        if "keyVaultUrl" in each
    }

    assert set(re.findall(r"--vault-name VAULT --name (\S+)", PAGE)) == taken


def test_the_upgrade_goes_migration_workers_api() -> None:
    upgrade = PAGE.partition("## An upgrade")[2]

    assert re.findall(r"--name (mlrelease-\w+) --image", upgrade) == ["mlrelease-migrate", "mlrelease-worker", "mlrelease-api"]  # fmt: skip
