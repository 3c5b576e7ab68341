"""Whether a model's files are signed with a key that the definition names."""

from pathlib import Path

from app.attestations.keys import LARGEST, read_public_keys
from app.attestations.model_signature import verify_model_signature
from app.errors import Invalid
from app.planning.kinds import SignatureCheck
from app.steps.contract import Context, Refused


def require_signed(context: Context, root: Path, check: SignatureCheck | None) -> str | None:
    """The id of the key that a model's folder is signed with; None where no signature is asked for. Raises Refused."""
    if check is None:
        return None
    with (context.bundle / check.public_key).open("rb") as file:
        pem = file.read(LARGEST + 1)
    try:
        keys = read_public_keys(pem, what=f"The file {check.public_key}")
        return verify_model_signature(root, file=check.file, keys=keys).id
    except Invalid as no:
        raise Refused(no.sentence, code=no.code, hint=no.hint) from None
