"""The command line of ``mlrelease-ci``. Options that are empty count as not given: pipelines pass on what they have."""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from urllib.parse import quote

from mlrelease_client import waiting
from mlrelease_client.ci.runs import Run, run_of
from mlrelease_client.ci.telling import Teller, summary_of
from mlrelease_client.ci.tokens import token_of
from mlrelease_client.ci.training import git_facts, pack_tracked
from mlrelease_client.client import Client
from mlrelease_client.errors import ClientError, Misused, Unreachable, WaitedTooLong
from mlrelease_client.models import ReleaseDetail, RolloutView

JOB_SECONDS = 10.0  # between two looks at a training job


class Exit(IntEnum):
    """The same as those of ``mlrelease``."""

    FINE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NEEDS_APPROVAL = 4
    CANCELLED = 5


_ENDS = {
    "succeeded": Exit.FINE,
    "pending_approval": Exit.NEEDS_APPROVAL,
    "paused": Exit.NEEDS_APPROVAL,
    "approval_rejected": Exit.CANCELLED,
    "cancelled": Exit.CANCELLED,
    "superseded": Exit.CANCELLED,
    "expired": Exit.CANCELLED,
}


def run() -> None:
    sys.exit(carry_out(sys.argv[1:], os.environ))


def carry_out(words: Sequence[str], environ: Mapping[str, str]) -> Exit:
    """What the exit status is to be."""
    asked = _parser().parse_args(words)
    this = run_of(environ)
    teller = Teller(this, environ)
    try:
        with Client(asked.server, token=token_of(environ, audience=asked.audience or "mlrelease")) as service:
            return (
                _request(asked, service, this, teller) if asked.command == "release" else _wait(asked, service, teller)
            )
    except Unreachable as away:
        teller.tell_error(str(away))
        return Exit.UNREACHABLE
    except Misused as wrong:
        teller.tell_error(str(wrong))
        return Exit.USAGE
    except ClientError as refused:
        teller.tell_error(str(refused))
        return Exit.REFUSED


def _request(asked: argparse.Namespace, service: Client, this: Run, teller: Teller) -> Exit:
    job = asked.job or None
    if asked.submit:
        if job is not None:
            raise Misused("Either a training job is named (--job), or one is submitted (--submit).")
        job = _train(asked, service, this, teller)
    release = service.create_release(
        model=asked.model,
        job=job,
        model_version=asked.model_version or None,
        from_release=asked.from_release or None,
        stages=_listed(asked.stages) or None,
        note=asked.note or (f"Asked by {this.url}" if this.url else None),
        idempotency_key=this.key_for(asked.model),
    )
    link = _page(asked, release)
    teller.say(f"{release.id}: {link}")
    teller.set_outputs({"release": release.id, "url": link, "job": job or release.job or ""})
    if asked.wait == "no":
        teller.set_outputs({"status": release.status})
        return Exit.FINE
    return _follow(asked, service, teller, release)


def _wait(asked: argparse.Namespace, service: Client, teller: Teller) -> Exit:
    return _follow(asked, service, teller, service.get_release(asked.release))


def _follow(asked: argparse.Namespace, service: Client, teller: Teller, release: ReleaseDetail) -> Exit:
    """Say what changes, until it is over, or ``--minutes`` are."""
    deadline = time.monotonic() + (asked.minutes or 0) * 60
    said = ""
    while True:
        if release.sentence != said:
            said = release.sentence
            teller.say(f"{release.status}  {said}")
        status = _status(asked, release)
        is_over = waiting.has_ended(release) or status in waiting.FINAL
        if is_over or (asked.wait == "approval" and status in {"pending_approval", "paused"}):
            break
        revision = release.revision
        try:
            release = service.wait_for_release(
                release.id,
                seconds=max(deadline - time.monotonic(), 0.0) if asked.minutes else None,
                until=lambda newer, seen=revision: newer.revision != seen,  # type: ignore[misc] # bound now
            )
        except WaitedTooLong:
            teller.summarise(summary_of(release, link=_page(asked, release)))
            teller.set_outputs({"status": status})
            raise
    teller.summarise(summary_of(release, link=_page(asked, release)))
    teller.set_outputs({"status": status})
    end = _ENDS.get(status, Exit.REFUSED)
    if end not in {Exit.FINE, Exit.NEEDS_APPROVAL}:
        teller.tell_error(f"{release.id}: {release.sentence}")
    return end


def _status(asked: argparse.Namespace, release: ReleaseDetail) -> str:
    """Of the stage that is waited for; of the release, where that is all of it, or has no such stage yet."""
    stage = getattr(asked, "stage", None)
    if not stage:
        return release.status
    if stage not in release.stages:
        raise Misused(f"{release.id} has no stage {stage!r}: its stages are {', '.join(release.stages)}.")
    found: RolloutView | None = next((each for each in release.rollouts if each.stage == stage), None)
    return release.status if found is None else found.status


def _train(asked: argparse.Namespace, service: Client, this: Run, teller: Teller) -> str:
    """Submit a job and wait for its end; its name. Raises Misused where it fails."""
    entry = Path(asked.submit)
    folder = entry.parent
    bundle = service.create_bundle(pack_tracked(folder))
    job = service.create_job(
        model=asked.model,
        bundle=bundle.digest,
        entry=entry.name,
        environments=_listed(asked.environments) or None,
        git=git_facts(folder),
        idempotency_key=this.key_for(f"{asked.model}:job"),
    )
    teller.say(f"training job {job.name}")
    said = ""
    while not job.is_final:
        time.sleep(JOB_SECONDS)
        job = service.get_job(job.name, workspace=job.workspace)
        if job.sentence != said:
            said = job.sentence
            teller.say(f"{job.status}  {said}")
    if job.status.lower() != "completed":
        raise ClientError(f"The training job {job.name} is {job.status.lower()}. {job.sentence} {job.studio_url or ''}")
    return job.name


def _page(asked: argparse.Namespace, release: ReleaseDetail) -> str:
    return f"{asked.server.rstrip('/')}/releases/{quote(release.id, safe='')}"


def _minutes(text: str) -> float | None:
    return float(text) if text else None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.replace(",", "\n").splitlines() if part.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mlrelease-ci", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    release = commands.add_parser("release", help="ask for a release, and wait for it")
    release.add_argument("model")
    release.add_argument("--job", default="", help="the training job whose model is released")
    release.add_argument(
        "--submit", default="", help="the YAML of a training job to submit; its folder's tracked files go with it"
    )
    release.add_argument(
        "--environments", default="", help="YAML files of environments in that folder, separated by commas"
    )
    release.add_argument("--model-version", default="", help="a registered model instead of a job")
    release.add_argument("--from-release", default="", help="an earlier release, for its content")
    release.add_argument("--stages", default="", help="a subset, separated by commas; default: all")
    release.add_argument("--note", default="")
    wait = commands.add_parser("wait", help="wait for a release, or for one stage of it")
    wait.add_argument("release")
    wait.add_argument("--stage", default="", help="only until this stage has ended")
    for each in (release, wait):
        each.add_argument("--server", required=True, help="as https://HOST")
        each.add_argument(
            "--audience", default="", help="of the run's token: the service's own, as its access.yml has it"
        )
        each.add_argument(
            "--wait", choices=("end", "approval", "no"), default="end", help="for the end, or until people are needed"
        )
        each.add_argument(
            "--minutes", type=_minutes, default=None, help="to wait at most; the release goes on after them"
        )
    return parser
