"""The database that the settings name, as this process may log in to it."""

from app.database.connection import BUSY_SECONDS, Database
from app.settings import Settings


def open_database(settings: Settings, *, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Connects to nothing yet. Raises Misconfigured."""
    if settings.database_login == "password":
        return Database(settings.database, busy_seconds=busy_seconds)
    from app.database.entra import entra_password

    password = entra_password(private_cloud=settings.azure == "local")
    return Database(settings.database, busy_seconds=busy_seconds, password=password)
