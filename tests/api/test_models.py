"""Definitions over HTTP: uploaded, applied, read; and archives that are not what they should be."""

import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.bundles.limits import MAX_PACKED
from tests.api.conftest import on_sqlite
from tests.api.playing import apply, as_json, definition, upload
from tests.api.serving import problem_of
from tests.bundles.tars import bomb, special, tar_of
from tests.definitions.conftest import DEPLOYMENT, RELEASE


def test_definition_is_applied_and_shown(anna: httpx.Client) -> None:
    answer = anna.post("/v1/models", json={"bundle": upload(anna, definition()), "note": "The first."})

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/models/churn/versions/1"
    shown = as_json(anna.get("/v1/models/churn"))
    assert shown["definition"]["model"]["name"] == "churn"
    assert (shown["version"], shown["stages"], shown["applied_by"]) == (1, ["dev", "prod"], "anna")
    assert shown["note"] == "The first."
    assert as_json(anna.get("/v1/models/churn/versions/1"))["definition"] == shown["definition"]
    assert [each["model"] for each in as_json(anna.get("/v1/models"))["items"]] == ["churn"]


def test_models_are_listed_in_pages_by_name(anna: httpx.Client) -> None:
    for name in ("wine", "churn", "mail"):
        apply(anna, definition(name))

    first = as_json(anna.get("/v1/models", params={"limit": 2}))
    second = as_json(anna.get("/v1/models", params={"limit": 2, "cursor": first["next"]}))

    assert [each["model"] for each in first["items"]] == ["churn", "mail"]
    assert ([each["model"] for each in second["items"]], second["next"]) == (["wine"], None)
    assert anna.get("/v1/models", params={"cursor": "x"}).json()["code"] == "cursor_invalid"


def test_same_content_again_is_the_same_version(anna: httpx.Client) -> None:
    first = apply(anna, definition())
    events = as_json(anna.get("/v1/events"))["items"]

    again = apply(anna, definition())

    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json()["version"], again.json()["created"]) == (1, False)
    assert as_json(anna.get("/v1/events"))["items"] == events


@pytest.mark.both_databases
def test_many_apply_at_once_and_versions_are_counted_without_a_gap(anna: httpx.Client) -> None:
    archives = [definition(release_yml=RELEASE.replace("kv-dev", f"kv-dev-{number % 4}")) for number in range(12)]

    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda archive: apply(anna, archive), archives))

    assert {answer.status_code for answer in answers} <= {200, 201}
    versions = [each["version"] for each in as_json(anna.get("/v1/models/churn"))["versions"]]
    assert versions == list(range(len(versions), 0, -1))
    assert len(versions) == sum(answer.status_code == 201 for answer in answers) >= 4


def test_what_the_azure_sdk_refuses_is_told_when_it_is_applied(anna: httpx.Client) -> None:
    wrong = definition(**{"src/score.py": "def init():\n    ...\ndef run(:\n"})

    problem = problem_of(apply(anna, wrong), 422, "definition_invalid")

    assert [(each["file"], each["line"]) for each in problem["mistakes"]] == [("src/score.py", 3)]


def test_every_mistake_is_told_at_once_with_its_line(anna: httpx.Client) -> None:
    wrong = definition(
        release_yml=RELEASE.replace("type: custom_model", "typ: custom_model").replace(
            "endpoint: churn-prod", "endpoint: 1-prod"
        ),
        deployment_yml=DEPLOYMENT.replace("instance_count: 1", "instance_count: many"),
    )

    problem = problem_of(apply(anna, wrong), 422, "definition_invalid")

    told = {(each["file"], each["line"], each["field"]) for each in problem["mistakes"]}
    lines = RELEASE.splitlines()
    assert ("release.yml", lines.index("  type: custom_model") + 1, "model.typ") in told
    assert ("release.yml", lines.index("    endpoint: churn-prod") + 1, "stages[1].endpoint") in told
    assert any(file == "deployment.yml" and field == "instance_count" for file, _, field in told)
    assert any("did you mean `type`" in each["message"] for each in problem["mistakes"])
    assert as_json(anna.get("/v1/models"))["items"] == []


@pytest.mark.parametrize("escape", [r"\0", r"\ud800"])
def test_text_that_no_database_stores_is_a_mistake_with_its_line(anna: httpx.Client, escape: str) -> None:
    wrong = RELEASE.replace("  type: custom_model\n", f'  type: custom_model\n  description: "a{escape}b"\n')

    problem = problem_of(apply(anna, definition(release_yml=wrong)), 422, "definition_invalid")

    (mistake,) = problem["mistakes"]
    assert (mistake["file"], mistake["line"]) == ("release.yml", 4)


def test_archive_without_a_definition(anna: httpx.Client) -> None:
    problem = problem_of(apply(anna, tar_of(("train.py", b"print()"))), 422, "definition_invalid")

    assert problem["mistakes"][0]["file"] == "release.yml"


def test_bundle_that_there_is_not(anna: httpx.Client) -> None:
    problem_of(anna.post("/v1/models", json={"bundle": "sha256:0"}), 404, "bundle_not_found")


def test_model_and_version_that_there_are_not(anna: httpx.Client) -> None:
    problem_of(anna.get("/v1/models/churn"), 404, "model_not_found")
    apply(anna, definition())
    assert problem_of(anna.get("/v1/models/churn/versions/2"), 404, "definition_version_not_found")["hint"]
    assert "did you mean 'churn'" in problem_of(anna.get("/v1/models/chrun"), 404, "model_not_found")["detail"]


@on_sqlite
@pytest.mark.parametrize("version", ["0", "-1", "x", "2147483648", "9" * 30, "9" * 5000])
def test_version_that_cannot_be_one(anna: httpx.Client, version: str) -> None:
    problem_of(anna.get(f"/v1/models/churn/versions/{version}"), 422, "malformed")


@pytest.mark.parametrize(
    ("archive", "status", "code"),
    [
        (lambda: b"", 422, "bundle_unreadable"),
        (lambda: b"PK\x03\x04 a zip", 422, "bundle_unreadable"),
        (lambda: b"\x1f\x8b\x08 cut off", 422, "bundle_unreadable"),
        (lambda: definition()[:-40], 422, "bundle_unreadable"),
        (lambda: tar_of(("../../etc/passwd", b"root")), 422, "bundle_path_unsafe"),
        (lambda: tar_of(("/etc/passwd", b"root")), 422, "bundle_path_unsafe"),
        (lambda: tar_of(special("link", tarfile.SYMTYPE, target="/etc/passwd")), 422, "bundle_special_file"),
        (lambda: tar_of(special("device", tarfile.CHRTYPE)), 422, "bundle_special_file"),
        (lambda: tar_of(("a", b"1"), ("a", b"2")), 422, "bundle_duplicate_path"),
        (lambda: bomb(unpacked=80 * 2**20), 413, "bundle_too_large"),
        (lambda: tar_of(*((f"f{number}", b"") for number in range(2001))), 413, "bundle_too_many_files"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@on_sqlite
def test_archive_that_is_not_accepted(anna: httpx.Client, archive: Callable[[], bytes], status: int, code: str) -> None:
    problem_of(anna.post("/v1/bundles", content=archive()), status, code)


@on_sqlite
def test_archive_that_is_too_long_is_refused_however_it_is_sent(anna: httpx.Client) -> None:
    too_long = b"\x1f\x8b" + b"0" * MAX_PACKED

    announced = anna.post("/v1/bundles", content=too_long)
    in_pieces = anna.post("/v1/bundles", content=(too_long[at : at + 2**20] for at in range(0, len(too_long), 2**20)))

    for answer in (announced, in_pieces):
        assert "16 MiB" in problem_of(answer, 413, "bundle_too_large")["detail"]
    assert anna.get("/health/ready").status_code == 200


@on_sqlite
def test_schema_for_editors_is_served(anna: httpx.Client) -> None:
    assert as_json(anna.get("/v1/schema/release.json"))["title"]
