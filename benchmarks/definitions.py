"""The models that are released where that itself is measured: as small as a definition may be."""

from pathlib import Path

from app.bundles.archive import archive_digest
from app.bundles.pack import pack
from app.bundles.store import keep
from app.definitions.read import read_archive
from app.definitions.service import apply
from app.events.work import UnitOfWork
from app.identity.actor import Actor
from app.identity.roles import Grant, Role
from app.jobs.service import COMPLETED, JobState, record_job, record_state
from app.planning.places import Place
from app.releases.attested import ROW, row_digest

JOB = "job"
BENCH = Actor("bench", "api", grants=(Grant(Role.ADMIN),))
SCORE = "def init(): ...\ndef run(raw_data): return raw_data\n"
RELEASE = """
model: {{name: {name}}}
environment: azureml:env:1
checks: {{golden: golden.json}}
stages:
  - {{name: dev, workspace: ws-bench, resource_group: rg, endpoint: {name}, key_vault: kv-bench, subscription: {subscription}}}
"""
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


def archive_of(name: str, scratch: Path) -> bytes:
    """The definition of a model of this name, packed."""
    folder = scratch / name
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "score.py").write_text(SCORE)
    (folder / "release.yml").write_text(RELEASE.format(name=name, subscription=SUBSCRIPTION))
    (folder / "endpoint.yml").write_text("auth_mode: key\n")
    (folder / "deployment.yml").write_text(
        "code_configuration: {code: ./src, scoring_script: score.py}\ninstance_type: Standard_E2s_v3\ninstance_count: 1\n"
    )
    (folder / "golden.json").write_text('[{"request": {"data": [1]}, "expect": {"data": [1]}}]')
    return pack(folder)


def apply_model(work: UnitOfWork, name: str, scratch: Path) -> None:
    """Apply the definition of a model of this name, and record a job that has completed."""
    archive = archive_of(name, scratch)
    digest = keep(work, archive, digest=archive_digest(archive), now=work.now)
    version = apply(work, read_archive(archive), bundle_digest=digest).definition
    subject, told = f"{version.model}@{version.version}", {ROW: row_digest(version)}
    work.append_event("model.applied", subject=subject, model=version.model, data=told)
    place = Place(subscription=SUBSCRIPTION, resource_group="rg", workspace="ws-bench")
    job, _ = record_job(work, place, JOB)
    done = JobState(status=COMPLETED, is_final=True, code="completed", sentence="Completed.")
    record_state(work, job, done)
