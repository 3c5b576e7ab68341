"""The secrets of webhooks and links. They are derived from the service's signing keys, so the database holds none.

A webhook's secret is an HMAC of its id and generation under a signing key. API and workers derive the same one; it is shown when the
webhook is made or rotated, and nowhere else. Older keys also sign until they are removed from the settings.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from app.errors import Conflict
from app.notifications.tables import Webhook
from app.process.private_files import write_once
from app.settings import SIGNING_KEY_LENGTH, Settings

BOTH_SIGN = timedelta(days=1)  # after a rotation: the time to bring the new secret to the receiver


def signing_keys(settings: Settings) -> tuple[str, ...]:
    """The newest first. Raises Conflict when none are set where several machines would have to share them."""
    if settings.given_signing_keys:
        return settings.given_signing_keys
    if not settings.is_sqlite:
        raise Conflict(
            "This service has no signing key.",
            code="signing_key_missing",
            hint=f"Set MLRELEASE_SIGNING_KEYS to {SIGNING_KEY_LENGTH} or more random characters, the same for the API and the workers.",
        )
    return (_local_key(settings.data / "signing.key"),)


def derive_secret(key: str, webhook_id: str, *, generation: int) -> str:
    """``whsec_…``, as the Standard Webhooks specification writes a symmetric secret."""
    derived = hmac.digest(key.encode(), f"webhook:{webhook_id}:{generation}".encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(derived).decode()


def secret_of(keys: Sequence[str], webhook: Webhook) -> str:
    """The secret with which the receiver checks signatures."""
    return derive_secret(keys[0], webhook.id, generation=webhook.generation)


def secrets_in_use(keys: Sequence[str], webhook: Webhook, *, now: datetime) -> list[str]:
    """Every secret that signs: also the previous one after a rotation, and those of older keys."""
    generations = [webhook.generation]
    if webhook.rotated_at is not None and now < webhook.rotated_at + BOTH_SIGN:
        generations.append(webhook.generation - 1)
    return [derive_secret(key, webhook.id, generation=generation) for key in keys for generation in generations]


def _local_key(file: Path) -> str:
    """The key of one machine, created on first use."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_once(file, secrets.token_urlsafe(SIGNING_KEY_LENGTH))
    return file.read_text()
