"""The client has every operation of the API, as the OpenAPI document describes it today."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.database.connection import Database
from app.main import create_app
from app.releases.states import FINAL, Status
from app.settings import Settings
from mlrelease_client import AsyncClient, Client, models, waiting

CLIENT = Path(__file__).parents[2] / "client"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", CLIENT / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def document(database: Database, tmp_path: Path) -> dict[str, Any]:
    return create_app(Settings(data=tmp_path, database_url=database.url)).openapi()


def test_generated_files_are_those_of_this_api(generate: ModuleType, document: dict[str, Any]) -> None:
    for name, text in generate.files_of(document).items():
        published = (CLIENT / "mlrelease_client" / name).read_text(encoding="utf-8")
        assert published == text, f"{name} is stale. Run: python client/generate.py"


def test_every_operation_is_a_method_of_both_clients(generate: ModuleType, document: dict[str, Any]) -> None:
    names = {operation["operationId"] for _, _, operation in generate.operations_of(document)}

    assert len(names) > 60
    for client in (Client, AsyncClient):
        assert {name for name in names if not callable(getattr(client, name, None))} == set()
    assert set(generate.BY_HAND) <= names


def test_states_are_those_of_the_service() -> None:
    assert waiting.FINAL == FINAL
    assert [*models.Status] == [*Status]
