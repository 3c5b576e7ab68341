"""The provenance of what was released: from the record alone, signed, the same each time, and silent about what was not released."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import select
from typer.testing import CliRunner, Result

from app.attestations.keys import make_signing_key, read_public_keys
from app.attestations.verification import verify_document
from app.bundles.digest import content_digest
from app.cli.exits import Exit
from app.cli.main import app
from app.errors import Misconfigured
from app.main import create_app
from app.releases.plans import digest_of as digest_of_plan
from app.releases.tables import StoredPlan
from app.settings import Settings
from app.steps.contract import Refused
from tests.api.conftest import SUBSCRIPTION, on_postgresql, on_sqlite
from tests.api.playing import approve, as_json, ask
from tests.api.serving import Served, problem_of
from tests.attestations.signing import a_model, as_bytes, new_keys, payload_of
from tests.instant import InstantWorker

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORKSPACE = f"azureml:/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml/providers/Microsoft.MachineLearningServices/workspaces/ws-dev"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """With a key of its own: over PostgreSQL nobody makes one."""
    file = tmp_path / "key.pem"
    make_signing_key(file)
    return settings.model_copy(update={"provenance_key_file": file})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return a_model(tmp_path / "model")


@pytest.fixture
def released(anna: httpx.Client, service: Served, churn: str, worker: InstantWorker, model: Path) -> str:
    """The id of a release that serves in dev and prod."""
    digest = content_digest(model)
    worker.content = {
        "model_digest": digest,
        "git_commit": COMMIT,
        "git_author": "Carl",
        "data": [{"name": "train.reviews", "uri": f"{WORKSPACE}/data/reviews/versions/7"}],
        "metrics": {"accuracy": 0.93},
    }
    release: str = ask(anna, model=churn, note="The June data.")["id"]
    worker.prepare(release)
    registered = {"id": f"{WORKSPACE}/models/churn/versions/3", "digest": digest}
    worker.complete(release, "dev", outputs={"register_model": registered})
    as_json(approve(service.client("boris"), release, reason="Looks good."))
    shared = {"uri": "azureml://registries/reg-shared/models/churn/versions/3", "digest": digest}
    served = {"deployment": "r1", "model": shared["uri"], "traffic": {"r1": 100}}
    golden = {"requests": 12, "passed": 12, "median_ms": 3.5, "max_ms": 9.0}
    outputs: dict[str, dict[str, Any]] = {
        "share_model": shared,
        "verify_deployment": golden,
        "confirm_serving": served,
    }
    worker.complete(release, "prod", outputs=outputs)
    return release


def provenance(client: httpx.Client, release: str, **query: str) -> dict[str, Any]:
    return as_json(client.get(f"/v1/releases/{release}/provenance", params=query))


def test_document_says_what_serves_and_where_it_comes_from(anna: httpx.Client, released: str, model: Path) -> None:
    statement = payload_of(provenance(anna, released))
    facts, build = statement["predicate"]["mlrelease_release"], statement["predicate"]["buildDefinition"]
    content = content_digest(model).removeprefix("sha256:")

    assert [each["name"] for each in statement["subject"]] == [
        "azureml://registries/reg-shared/models/churn/versions/3",
        f"{WORKSPACE}/models/churn/versions/3",
    ]
    assert {each["digest"]["mlrelease_files_sha256"] for each in statement["subject"]} == {content}
    asked = {
        "model": "churn",
        "source": {"kind": "job", "job": "job-1"},
        "stages": ["dev", "prod"],
        "note": "The June data.",
    }
    assert asked.items() <= build["externalParameters"].items()
    made_of = {each["name"]: each for each in build["resolvedDependencies"]}
    assert made_of["training job"]["uri"] == f"{WORKSPACE}/jobs/job-1"
    assert made_of["training code"]["digest"] == {"gitCommit": COMMIT}
    assert made_of["data: train.reviews"]["uri"] == f"{WORKSPACE}/data/reviews/versions/7"
    assert made_of["environment: env:3"]["digest"] == {"mlrelease_environment_sha256": "e"}
    assert {"model", "definition: version 1", "score code"} < set(made_of)
    assert (facts["release"], facts["stage"], facts["requestedBy"]) == (released, "prod", "anna")
    [vote] = facts["approvals"]
    assert (vote["person"], vote["approve"], vote["reason"]) == ("boris", True, "Looks good.")
    assert vote["plan"] == facts["plan"]
    assert facts["golden"] == {"requests": 12, "passed": 12, "median_ms": 3.5, "max_ms": 9.0}
    assert facts["metrics"] == {"accuracy": 0.93}
    serving = facts["serving"]
    everything = {"deployment": serving["deployment"], "release": released, "weight": 100, "mirror": 0}
    assert serving["traffic"] == [everything]
    changed = as_json(anna.get(f"/v1/releases/{released}/events", params={"limit": 200}))["items"]
    [moved] = [each for each in changed if each["kind"] == "traffic.changed" and "churn-prod" in each["subject"]]
    assert (serving["event"], serving["since"][:19]) == (moved["seq"], moved["at"][:19])
    assert (facts["serving"]["workspace"], facts["serving"]["endpoint"]) == ("ws-prod", "churn-prod")


@on_sqlite
def test_document_names_the_event_with_which_the_stage_ended(anna: httpx.Client, released: str) -> None:
    events = as_json(anna.get(f"/v1/releases/{released}/events", params={"limit": 200}))["items"]
    [ended] = [each for each in events if each["subject"] == f"{released}:prod" and each["kind"] == "rollout.succeeded"]
    statement = payload_of(provenance(anna, released))

    chain = statement["predicate"]["mlrelease_release"]["chain"]
    assert chain == {"seq": ended["seq"], "hash": ended["hash"]}
    assert as_json(anna.get("/v1/audit/verify", params=chain))["intact"]
    assert statement["predicate"]["runDetails"]["metadata"]["finishedOn"][:19] == ended["at"][:19]


@on_sqlite
def test_document_is_signed_with_the_key_of_the_service_and_the_same_each_time(
    anna: httpx.Client, released: str
) -> None:
    document = provenance(anna, released)
    keys = as_json(anna.get("/v1/provenance/keys"))["items"]

    assert document == provenance(anna, released, stage="prod")
    verified = verify_document(as_bytes(document), keys=read_public_keys(keys[0]["pem"].encode(), what="It"))
    assert verified.key.id == keys[0]["keyid"] == document["signatures"][0]["keyid"]
    assert "PRIVATE" not in json.dumps(keys)


@on_sqlite
def test_each_stage_has_a_document_of_its_own(anna: httpx.Client, released: str) -> None:
    dev = payload_of(provenance(anna, released, stage="dev"))

    facts = dev["predicate"]["mlrelease_release"]
    assert (facts["stage"], facts["approvals"]) == ("dev", [])
    assert [each["name"] for each in dev["subject"]] == [f"{WORKSPACE}/models/churn/versions/3"]


@on_sqlite
def test_registered_model_is_named_as_it_was_asked_for(
    anna: httpx.Client, churn: str, worker: InstantWorker, model: Path
) -> None:
    uri = "azureml://registries/reg-shared/models/churn/versions/3"
    worker.content = {"model_digest": content_digest(model)}
    asked = {"model": churn, "model_version": uri, "stages": ["dev"]}
    release = as_json(anna.post("/v1/releases", json=asked))["id"]
    worker.prepare(release)
    worker.complete(release, "dev", outputs={"find_model": {"uri": uri, "digest": content_digest(model)}})

    statement = payload_of(provenance(anna, release))

    resolved = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {"name": "registered model", "uri": uri} in resolved
    assert "training job" not in [each["name"] for each in resolved]
    assert [each["name"] for each in statement["subject"]] == [uri]


@on_sqlite
def test_key_that_takes_the_place_of_another_signs_from_then_on(
    anna: httpx.Client, service: Served, released: str, tmp_path: Path
) -> None:
    file = service.service.settings.provenance_key_file
    assert file is not None
    before = provenance(anna, released)
    new_keys(tmp_path, "newest.pem")

    file.write_text((tmp_path / "newest.pem").read_text() + file.read_text())

    pem = "".join(each["pem"] for each in as_json(anna.get("/v1/provenance/keys"))["items"]).encode()
    keys = read_public_keys(pem, what="It")
    assert verify_document(as_bytes(before), keys=keys).key == keys[1]
    assert verify_document(as_bytes(provenance(anna, released)), keys=keys).key == keys[0]


@on_sqlite
def test_where_it_was_not_released_there_is_none(anna: httpx.Client, waiting: str, worker: InstantWorker) -> None:
    problem = problem_of(anna.get(f"/v1/releases/{waiting}/provenance"), 409, "not_released")
    assert problem["detail"].startswith(
        f"{waiting} has no provenance for prod, where it has not succeeded: it is pending_approval."
    )
    assert problem["hint"] == "It has succeeded in dev: name the stage."

    unplanned = ask(anna)["id"]
    problem_of(anna.get(f"/v1/releases/{unplanned}/provenance"), 404, "rollout_not_planned")
    problem_of(anna.get(f"/v1/releases/{waiting}/provenance", params={"stage": "moon"}), 404, "stage_not_in_release")
    problem_of(anna.get("/v1/releases/churn-99/provenance"), 404, "release_not_found")

    worker.prepare(unplanned)
    worker.fail(unplanned, "dev", error=Refused("Not this one.", code="refused"))
    assert "dev" not in str(problem_of(anna.get(f"/v1/releases/{unplanned}/provenance"), 409, "not_released")["hint"])


@on_sqlite
def test_approval_that_was_written_past_the_service_is_not_in_it(
    anna: httpx.Client, service: Served, released: str
) -> None:
    with service.service.database.write() as session:
        session.connection().execute(text("UPDATE decision SET actor = 'mallory', person = 'mallory'"))

    assert payload_of(provenance(anna, released))["predicate"]["mlrelease_release"]["approvals"] == []


@on_sqlite
def test_rollout_whose_plan_was_changed_past_the_service_gets_none(
    anna: httpx.Client, service: Served, released: str
) -> None:
    with service.service.database.write() as session:
        plan = next(each for each in session.exec(select(StoredPlan)).all() if each.document["stage"] == "prod")
        forged = json.loads(json.dumps(plan.document).replace(COMMIT, "f" * 40))
        session.add(StoredPlan(digest=digest_of_plan(forged), document=forged))
        session.flush()
        values = {"digest": digest_of_plan(forged)}
        session.connection().execute(text("UPDATE rollout SET plan_digest = :digest WHERE stage = 'prod'"), values)

    problem_of(anna.get(f"/v1/releases/{released}/provenance"), 409, "rollout_not_on_record")


@on_sqlite
def test_rollout_whose_row_alone_says_that_it_succeeded_gets_none(
    anna: httpx.Client, service: Served, waiting: str
) -> None:
    with service.service.database.write() as session:
        session.connection().execute(text("UPDATE rollout SET status = 'succeeded' WHERE stage = 'prod'"))

    problem_of(anna.get(f"/v1/releases/{waiting}/provenance"), 409, "rollout_not_on_record")


class TestWithoutAKey:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"provenance_key_file": None})

    @on_sqlite
    def test_one_machine_makes_its_own(self, anna: httpx.Client, service: Served, released: str) -> None:
        assert provenance(anna, released) == provenance(anna, released)

        file = service.service.settings.data / "provenance-key.pem"
        assert file.stat().st_mode & 0o777 == 0o600

    @on_sqlite
    def test_one_that_cannot_be_used_is_told_when_the_service_starts(self, settings: Settings, tmp_path: Path) -> None:
        with pytest.raises(Misconfigured, match=r"The signing key .*missing\.pem cannot be used: no such file"):
            create_app(settings.model_copy(update={"provenance_key_file": tmp_path / "missing.pem"}))

    @on_postgresql
    def test_many_machines_are_told_how_to_share_one(self, anna: httpx.Client, released: str) -> None:
        for path in (f"/v1/releases/{released}/provenance", "/v1/provenance/keys"):
            problem = problem_of(anna.get(path), 409, "provenance_key_missing")
            assert "MLRELEASE_PROVENANCE_KEY_FILE" in problem["hint"]


@on_sqlite
class TestOnTheCommandLine:
    @pytest.fixture
    def files(self, service: Served, released: str, tmp_path: Path) -> Path:
        """A folder with the document and the public keys, as somebody keeps them."""
        folder = tmp_path / "kept"
        folder.mkdir()
        data = service.service.settings.data
        online = {"MLRELEASE_SERVER": service.url, "MLRELEASE_ACTOR": "anna", "MLRELEASE_DATA": str(data)}
        for name, arguments in {"release.json": ["get", released, "--stage", "prod"], "keys.pem": ["keys"]}.items():
            got = CliRunner().invoke(app, ["provenance", *arguments, "--output", str(folder / name)], env=online)
            assert got.exit_code == Exit.FINE, got.output
            printed = CliRunner().invoke(app, ["provenance", *arguments], env=online)
            assert printed.stdout == (folder / name).read_text()
        return folder

    def verify(self, folder: Path, *more: str) -> Result:
        arguments = ["provenance", "verify", str(folder / "release.json"), "--key", str(folder / "keys.pem"), *more]
        return CliRunner().invoke(app, arguments, env={"MLRELEASE_SERVER": "http://127.0.0.1:9"})

    def test_document_is_verified_without_the_service(self, files: Path, model: Path, released: str) -> None:
        shown = self.verify(files, "--model", str(model))
        assert shown.exit_code == Exit.FINE, shown.output
        assert f"{released} in prod: deployment r1-" in shown.stdout
        assert "Requested by anna; approved by boris." in shown.stdout
        anchor = shown.stdout.strip().rpartition(" ")[2]

        whole = self.verify(files, "--model", str(model), "--anchor", anchor, "--json")
        assert whole.exit_code == Exit.FINE
        told = json.loads(whole.stdout)
        assert (told["verified"], told["model_compared"], told["anchor_compared"]) == (True, True, True)

    def test_what_does_not_hold_ends_with_1_and_its_code(self, files: Path, model: Path, tmp_path: Path) -> None:
        kept = json.loads((files / "release.json").read_text())
        (model / "a.pkl").write_text("changed")
        codes = {
            "model_differs": ("--model", str(model)),
            "anchor_not_comparable": ("--anchor", "1:abc"),
            "signature_invalid": ("--key", str(tmp_path / "other.pem")),
        }
        (tmp_path / "other.pem").write_text(new_keys(tmp_path, "another.pem").newest.pem)
        for code, arguments in codes.items():
            refused = self.verify(files, *arguments, "--json")
            assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (Exit.REFUSED, code)
        (files / "release.json").write_text(json.dumps({**kept, "payload": "e30="}))
        assert self.verify(files).exit_code == Exit.REFUSED
        (files / "release.json").write_bytes(b"\0" * 100)
        assert self.verify(files).exit_code == Exit.REFUSED

    def test_wrong_command_line_ends_with_2(self, files: Path) -> None:
        for arguments in (
            ["--model", "/no/such/folder"],
            ["--anchor", "7"],
            ["--anchor", "x:y"],
            ["--key", "/missing"],
        ):
            assert self.verify(files, *arguments).exit_code == Exit.USAGE
