"""A model that must be signed is, before anybody is asked, and again where it is deployed."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from app.attestations.keys import SigningKeys
from app.azureml.facade import AzureML
from app.steps.contract import Refused
from tests.attestations.model_signing import sign_model
from tests.attestations.signing import new_keys
from tests.azureml.fixtures import Trained, train
from tests.azureml.team import write_training
from tests.steps.fixtures import Team, creating_deployment, creating_endpoint, registering, resolving

Json = dict[str, Any]

SIGNATURE = {"public_key": "keys/model.pub", "file": "model.sig"}


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return new_keys(tmp_path)


@pytest.fixture
def asking(team: Team, keys: SigningKeys) -> Team:
    """A team whose definition has the public key."""
    (team.bundle / "keys").mkdir()
    (team.bundle / "keys" / "model.pub").write_text(keys.newest.pem)
    return team


def training_that_signs(folder: Path, keys: SigningKeys) -> Path:
    """Its script writes the model, which is always the same, and the signature over that."""
    model = folder / "expected"
    (model / "inside").mkdir(parents=True)
    (model / "factor.json").write_text("3")
    (model / "inside" / "note.txt").write_text("made by the test team")
    signature = sign_model(model, keys).read_text()
    written = write_training(folder / "team")
    script = written / "src" / "train.py"
    script.write_text(f"{script.read_text()}\n(out / 'model.sig').write_text({json.dumps(signature)})\n")
    return written


def test_signed_model_is_resolved_and_deployed(
    azure: AzureML, asking: Team, trained: Trained, keys: SigningKeys, tmp_path: Path
) -> None:
    assert trained.environment  # it is registered
    job = train(azure, training_that_signs(tmp_path / "signing", keys), name=f"signed-{uuid.uuid4().hex[:8]}")

    content = asking.resolve_content(resolving(asking, job, signature=SIGNATURE))

    assert content["signed_by"] == keys.newest.id
    asking.carry_out("register_model", registering(asking, content))
    asking.carry_out("create_endpoint", creating_endpoint(asking))
    done = asking.carry_out(
        "create_deployment", {**creating_deployment(asking, content, "rel-1"), "signature": SIGNATURE}
    )
    assert done.output["digest"] == content["model_digest"]

    (asking.bundle / "keys" / "model.pub").write_text(new_keys(tmp_path, "other.pem").newest.pem)
    with pytest.raises(Refused) as another:
        asking.resolve_content(resolving(asking, job, signature=SIGNATURE))
    with pytest.raises(Refused) as deployed:
        asking.carry_out("create_deployment", {**creating_deployment(asking, content, "rel-1"), "signature": SIGNATURE})
    assert another.value.code == deployed.value.code == "model_signature_wrong_key"


def test_model_without_a_signature_reaches_nobody(asking: Team, trained: Trained) -> None:
    with pytest.raises(Refused, match=r"The model is not signed: it has no model\.sig") as no:
        asking.resolve_content(resolving(asking, trained.job, signature=SIGNATURE))

    assert no.value.code == "model_signature_missing"


def test_signature_is_not_looked_for_where_nobody_asks_for_one(team: Team, trained: Trained) -> None:
    assert team.resolve_content(resolving(team, trained.job))["signed_by"] is None
