"""The provenance of what a release brought to a stage, signed."""

from sqlmodel import Session

from app.attestations.dsse import Envelope, sign
from app.attestations.keys import SigningKeys, make_signing_key, read_signing_keys
from app.errors import Conflict
from app.releases.queries import get_release, get_rollout, rollouts_of
from app.releases.states import Status
from app.releasing.provenance_statement import statement_of
from app.settings import Settings


def provenance_keys(settings: Settings) -> SigningKeys:
    """What provenance is signed with. Raises Conflict when no key is set where several machines would have to share it."""
    if settings.provenance_key_file is not None:
        return read_signing_keys(settings.provenance_key_file)
    if not settings.is_sqlite:
        raise Conflict(
            "This service has no key to sign provenance with.",
            code="provenance_key_missing",
            hint="Make one (`openssl ecparam -name prime256v1 -genkey -noout -out provenance-key.pem`), and set "
            "MLRELEASE_PROVENANCE_KEY_FILE of the API to that file.",
        )
    file = settings.data / "provenance-key.pem"
    make_signing_key(file)
    return read_signing_keys(file)


def signed_provenance(session: Session, settings: Settings, release_id: str, *, stage: str | None) -> Envelope:
    """Of one stage; None: the release's last.

    Raises NotFound (release, stage), and Conflict where the release has not succeeded there, rows were changed past the service, or it
    has no key.
    """
    release = get_release(session, release_id)
    rollout = get_rollout(session, release_id, stage or release.stages[-1])
    if rollout.status is not Status.SUCCEEDED:
        done = [each.stage for each in rollouts_of(session, release_id) if each.status is Status.SUCCEEDED]
        raise Conflict(
            f"{release_id} has no provenance for {rollout.stage}, where it has not succeeded: it is {rollout.status.value}. "
            f"{rollout.sentence}",
            code="not_released",
            hint=f"It has succeeded in {', '.join(done)}: name the stage." if done else None,
        )
    builder = settings.public_url or f"http://{settings.host}:{settings.port}"
    return sign(statement_of(session, rollout, builder=builder).as_json(), provenance_keys(settings))
