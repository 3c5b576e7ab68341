"""Another user of a shared machine: reaches loopback, says any name, and cannot read the token's file."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.errors import Misconfigured
from app.process.development_token import make_token, read_token, remove_token, token_file
from app.process.private_files import keep_files_private, make_private_folder
from app.settings import Settings
from tests.api.serving import Served, serving

GUESSES = ("", "x", "mlr_" + "0" * 49, "Bearer", "None", "🔑")
OPEN = {"/health/live", "/health/ready"}


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Served]:
    with serving(Settings(data=tmp_path / "data", database_url=database_url, development_login=True)) as served:
        yield served


@pytest.fixture
def stranger(service: Served) -> Iterator[httpx.Client]:
    """Says to be root, and has nothing to show for it."""
    named = {"Mlrelease-Actor": "root", "Mlrelease-Groups": "risk"}
    with httpx.Client(base_url=service.url, headers=named, trust_env=False, timeout=60) as client:
        yield client


def test_name_without_the_token_opens_no_route(service: Served, stranger: httpx.Client) -> None:
    paths = httpx.get(f"{service.url}/openapi.json", trust_env=False).json()["paths"]
    asked = [(method, path) for path, methods in paths.items() for method in methods if path not in OPEN]
    assert len(asked) > 30

    answers = {f"{method} {path}": stranger.request(method, path).status_code for method, path in asked}

    assert {route: status for route, status in answers.items() if status != 401} == {}


@pytest.mark.parametrize("guess", GUESSES)
def test_wrong_token_is_refused_and_says_where_the_right_one_is(
    service: Served, stranger: httpx.Client, guess: str
) -> None:
    header = f"Bearer {guess or '-'}".encode()  # clients send no empty one

    answer = stranger.get("/v1/releases", headers={b"Authorization": header})
    page = stranger.post("/login", data={"token": guess, "name": "root"})

    assert answer.status_code == 401, answer.text
    assert "Set-Cookie" not in page.headers
    assert 'name="token"' in page.text
    assert str(token_file(service.service.settings.data)) in page.text
    assert service.development_token not in page.text + answer.text


def test_token_without_a_name_is_refused(service: Served) -> None:
    sent = {"Authorization": f"Bearer {service.development_token}"}
    answer = httpx.get(f"{service.url}/v1/releases", headers=sent, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (401, "name_missing")


def test_token_is_none_where_names_are_not_believed(database_url: str, tmp_path: Path) -> None:
    token = make_token(tmp_path)
    with serving(Settings(data=tmp_path, database_url=database_url)) as served:
        sent = {"Authorization": f"Bearer {token}", "Mlrelease-Actor": "root"}
        assert httpx.get(f"{served.url}/v1/releases", headers=sent, trust_env=False).status_code == 401
        assert httpx.post(f"{served.url}/login", data={"token": token, "name": "root"}, trust_env=False).is_client_error


def test_link_of_the_start_asks_for_a_name_only(service: Served) -> None:
    with httpx.Client(base_url=service.url, trust_env=False) as browser:
        form = browser.get("/login", params={"token": service.development_token, "go_to": "/releases/x-1"}).text
        assert f'type="hidden" name="token" value="{service.development_token}"' in form
        named = {"token": service.development_token, "name": "anna", "go_to": "/releases/x-1"}
        assert browser.post("/login", data=named).headers["Location"] == "/releases/x-1"
        assert browser.get("/v1/releases").status_code == 200


def test_token_and_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "above" / "data"

    make_token(data)

    assert _modes(data.parent, data, token_file(data)) == [0o700, 0o700, 0o600]


def test_processes_that_start_at_once_have_one_token(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: make_token(tmp_path / "data"), range(32)))

    assert made == {read_token(tmp_path / "data")}
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["development-token"]


def test_token_that_others_could_have_read_or_written_is_not_believed(tmp_path: Path) -> None:
    token = make_token(tmp_path)
    file = token_file(tmp_path)
    file.chmod(0o644)
    with pytest.raises(Misconfigured, match="other users can read it"):
        read_token(tmp_path)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(token)
    elsewhere.chmod(0o600)
    remove_token(tmp_path)
    file.symlink_to(elsewhere)
    with pytest.raises(Misconfigured, match="cannot be used"):
        read_token(tmp_path)

    remove_token(tmp_path)
    os.mkfifo(file, 0o600)
    with pytest.raises(Misconfigured, match="not a file"):
        read_token(tmp_path)


def test_what_an_older_version_left_open_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    database = data / "mlrelease.db"
    database.touch(mode=0o644)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o644)
    elsewhere.chmod(0o644)
    (data / "link").symlink_to(elsewhere)

    make_private_folder(data)

    assert _modes(data, database, elsewhere) == [0o700, 0o600, 0o644]


def test_files_that_a_process_makes_from_then_on_are_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        keep_files_private(tmp_path / "none")
        (tmp_path / "made").touch()
    finally:
        os.umask(before)

    assert _modes(tmp_path / "made") == [0o600]
    assert not (tmp_path / "none").exists(), "over PostgreSQL a service may have nothing to keep on disk"


def _modes(*paths: Path) -> list[int]:
    return [stat.S_IMODE(path.stat().st_mode) for path in paths]
