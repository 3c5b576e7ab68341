"""A folder whose YAML names files outside of it: neither the check nor, where nothing checks, the child lets one byte out."""

import itertools
from contextlib import suppress
from pathlib import Path

import pytest
from azure.ai.ml import load_job

from app.azureml.confined import run_confined
from app.azureml.environments import register_environment
from app.azureml.errors import AzureMLError, BadRequest
from app.azureml.facade import AzureML
from app.azureml.jobs import submit_job
from app.bundles.local_paths import check_local_paths
from tests.attacks.paths.yamls import IMAGE, KINDS, WAYS, Kind, base_of, write
from tests.azureml.fixtures import DEV

CANARY = "canary-of-the-worker"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What nobody may see: files that are fit for any field."""
    folder = tmp_path / "outside"
    write_content(folder, CANARY)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the bundle."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    return folder


def write_content(folder: Path, mark: str) -> None:
    folder.mkdir(parents=True)
    for name in ("conda.yml", "run.py", "Dockerfile"):
        (folder / name).write_text(f"# {mark}\nname: {mark}\ndependencies: [python=3.11]\n")
    (folder / "MLTable").write_text(
        f"# {mark}\npaths:\n  - file: ./run.py\ntransformations:\n  - read_delimited:\n      delimiter: ','\n"
    )
    (folder / "part.yml").write_text(
        f"type: command\nname: {mark}\nversion: '1'\ncommand: echo {mark}\nenvironment:\n  image: {IMAGE}\n"
    )


def wanted_in(folder: Path, name: str) -> Path:
    """What this kind's field takes."""
    if not KINDS[name].of_file:
        return folder
    return folder / ("part.yml" if "component file" in name else "conda.yml")


def was_sent(cloud: Path, mark: str) -> bool:
    return any(mark.encode() in path.read_bytes() for path in (cloud / "data").rglob("*") if path.is_file())


@pytest.mark.parametrize("name", KINDS)
def test_every_way_out_is_found_before_the_sdk_sees_it(name: str, folder: Path, outside: Path) -> None:
    kind = KINDS[name]
    for way, path_of in WAYS.items():
        entry = write(folder, kind, path_of(wanted_in(outside, name), base_of(folder, kind)))

        mistakes = check_local_paths(folder, [entry])

        assert any("is outside of" in each.message and each.file and each.line for each in mistakes), (way, mistakes)


@pytest.mark.parametrize("name", KINDS)
def test_a_link_is_found_too(name: str, folder: Path, outside: Path) -> None:
    entry = write(folder, KINDS[name], "./link")
    (base_of(folder, KINDS[name]) / "link").symlink_to(wanted_in(outside, name))

    assert any("is outside of" in each.message for each in check_local_paths(folder, [entry]))


def test_the_sdk_itself_sends_what_lies_outside(azure: AzureML, cloud: Path, folder: Path, outside: Path) -> None:
    """Else the tests below would prove nothing."""
    write_content(outside.with_name("control"), "canary-of-the-control")
    kind = KINDS["pipeline component code"]
    entry = write(folder, kind, WAYS["relative"](outside.with_name("control"), base_of(folder, kind)))

    with azure.connect(DEV, doing="submit it") as client:
        client.jobs.create_or_update(load_job(folder / entry))

    assert was_sent(cloud, "canary-of-the-control")


@pytest.mark.parametrize("name", KINDS)
def test_without_any_check_a_child_sends_nothing_of_it(
    name: str, azure: AzureML, cloud: Path, folder: Path, outside: Path
) -> None:
    number = list(KINDS).index(name)
    ways = itertools.islice(itertools.cycle(WAYS.values()), number, number + 1)
    for path in (*(way(wanted_in(outside, name), base_of(folder, KINDS[name])) for way in ways), "./link"):
        entry = write(folder, KINDS[name], path)
        link = base_of(folder, KINDS[name]) / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(wanted_in(outside, name))
        arguments = {
            "workspace": DEV,
            "file": folder / entry,
            "name": f"unchecked-{number}",
            "environment": KINDS[name].environment,
        }

        with suppress(AzureMLError):  # refused, or sent without what lies outside: both are fine
            run_confined(
                azure, "tests.attacks.paths.tasks:submit_unchecked", arguments, folder=folder, doing="submit it"
            )

    assert not was_sent(cloud, CANARY)


def emulated(kind: Kind) -> bool:
    """Other kinds of jobs are Azure's alone."""
    text = "".join(kind.files.values())
    return not any(f"type: {other}\n" in text for other in ("sweep", "parallel", "spark", "data_transfer", "automl"))


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if emulated(kind)])
def test_what_lies_inside_goes_through(name: str, azure: AzureML, cloud: Path, folder: Path) -> None:
    kind, mark = KINDS[name], f"honest-{list(KINDS).index(name)}"
    if "dockerfile" in name:
        entry = write(folder, kind, "./Dockerfile")
    else:
        content = base_of(folder, kind).joinpath("content")
        write_content(content, mark)
        wanted = wanted_in(content, name)
        entry = write(folder, kind, f"./{wanted.relative_to(content.parent)}")

    if kind.environment:
        register_environment(azure, DEV, folder / entry, folder=folder)
    else:
        job = submit_job(azure, DEV, mark, folder=folder, entry=entry, bundle_digest="sha256:0", tags={})
        assert job.name == mark

    if "dockerfile" not in name and "includes file" not in name:
        assert was_sent(cloud, mark)


def test_a_worker_submits_nothing_that_leads_out(azure: AzureML, cloud: Path, folder: Path, outside: Path) -> None:
    entry = write(folder, KINDS["command code"], str(outside))

    with pytest.raises(BadRequest) as refused:
        submit_job(azure, DEV, "leads-out", folder=folder, entry=entry, bundle_digest="sha256:0", tags={})

    assert refused.value.code == "folder_invalid"
    assert not refused.value.retryable
    assert not was_sent(cloud, CANARY)
