"""``mlrelease migrate``: bring the database that the settings name to what this version needs."""

if __name__ == "__main__":  # before the imports: it begins anew
    from app.process.environment import hide_secrets

    hide_secrets()

from app.database.migrate import migrate
from app.database.opening import open_database
from app.errors import MlreleaseError
from app.process.private_files import keep_files_private
from app.settings import read_settings


def run() -> None:
    settings = read_settings()
    keep_files_private(settings.data)
    database = open_database(settings)
    try:
        migrate(database, role=settings.database_role)
    finally:
        database.dispose()


if __name__ == "__main__":
    try:
        run()
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
