"""What a release that is followed waits for, and how long one poll may take."""

from mlrelease_client.models import ReleaseDetail

POLL_SECONDS = 25.0  # of one long poll: shorter than what proxies allow
FINAL = frozenset({"succeeded", "failed", "rolled_back", "approval_rejected", "cancelled", "superseded", "expired"})


def has_ended(release: ReleaseDetail) -> bool:
    """Whether nothing more will happen to it."""
    return release.status in FINAL


def needs_people(release: ReleaseDetail) -> bool:
    """Whether it has ended, or goes on only when people approve, or answer what was measured."""
    return has_ended(release) or release.status in {"pending_approval", "paused"}
