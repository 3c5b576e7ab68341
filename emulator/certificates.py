"""The emulator's own certificate authority, made once per data folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    authority: Path  # what clients trust: REQUESTS_CA_BUNDLE
    server: Path  # key and chain


def ensure(data: Path) -> Certificates:
    """The certificates of this data folder; made when they are not there yet."""
    folder = data / "certificates"
    certificates = Certificates(authority=folder / "authority.pem", server=folder / "server.pem")
    if not certificates.server.exists():
        import trustme  # slow to import, and needed once in the life of a data folder

        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        authority = trustme.CA(organization_name="Azure ML emulator")
        server = authority.issue_cert("127.0.0.1", "localhost", "::1")
        authority.cert_pem.write_to_path(certificates.authority)
        # Last, in one step: its being there says that all of it is.
        half = folder / "server.pem.new"
        server.private_key_and_cert_chain_pem.write_to_path(half)
        half.chmod(0o600)
        half.replace(certificates.server)
    return certificates
