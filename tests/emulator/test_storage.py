"""Blob storage through the real client: keys, SAS, tokens, conditions, ranges, blocks, listing."""

import base64
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.storage.blob import (
    BlobBlock,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    generate_container_sas,
)

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.running import RunningEmulator

_WORKSPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws-dev"
_CONTAINER = "tests"


@pytest.fixture
def account(azure: RunningEmulator) -> tuple[str, str, str]:
    """The workspace's storage account: its address, the name that its datastores say, its key."""
    store = azure.ask("GET", f"{_WORKSPACE}/datastores/workspaceblobstore").json()["properties"]
    key = azure.ask("POST", f"{_WORKSPACE}/datastores/workspaceblobstore/listSecrets").json()["key"]
    name = store["accountName"]
    return f"https://{name}.blob.core.windows.net", name, key


@pytest.fixture
def container(account: tuple[str, str, str]) -> Iterator[ContainerClient]:
    url, _, key = account
    made = BlobServiceClient(url, credential=key).get_container_client(_CONTAINER)
    made.create_container()
    yield made
    made.delete_container()


def with_sas(
    account: tuple[str, str, str], permission: str, *, minutes: int = 5, key: str | None = None
) -> ContainerClient:
    url, name, real = account
    sas = generate_container_sas(
        name,
        _CONTAINER,
        account_key=key or real,
        permission=ContainerSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(minutes=minutes),
    )
    return ContainerClient.from_container_url(f"{url}/{_CONTAINER}?{sas}")


def test_a_blob_comes_back_with_all_that_was_said_of_it(container: ContainerClient) -> None:
    blob = container.get_blob_client("folder/a b+ü%.txt")
    blob.upload_blob(b"hello", metadata={"upload_status": "completed"}, content_settings=ContentSettings("text/plain"))
    found = blob.get_blob_properties()
    assert blob.download_blob().readall() == b"hello"
    assert found.metadata == {"upload_status": "completed"}
    assert found.content_settings.content_type == "text/plain"
    assert found.size == 5


def test_names_of_blobs_differ_by_case(container: ContainerClient) -> None:
    container.upload_blob("a.txt", b"small", metadata={"which": "small"})
    container.upload_blob("A.txt", b"large", metadata={"which": "large"})
    assert container.download_blob("a.txt").readall() == b"small"
    assert container.get_blob_client("a.txt").get_blob_properties().metadata == {"which": "small"}


def test_a_blob_is_not_overwritten_unless_asked(container: ContainerClient) -> None:
    container.upload_blob("a", b"one")
    with pytest.raises(ResourceExistsError):
        container.upload_blob("a", b"two")
    container.upload_blob("a", b"three", overwrite=True)
    assert container.download_blob("a").readall() == b"three"


def test_a_big_blob_arrives_in_blocks_and_leaves_in_ranges(container: ContainerClient) -> None:
    content = os.urandom(9 << 20)
    url, key = container.url.rpartition("/")[0], container.credential.account_key
    small = BlobServiceClient(
        url, credential=key, max_block_size=1 << 20, max_single_put_size=1 << 20, max_single_get_size=1 << 20, max_chunk_get_size=1 << 20
    )  # fmt: skip
    blob = small.get_blob_client(_CONTAINER, "big")
    blob.upload_blob(content, max_concurrency=2)
    assert blob.download_blob(max_concurrency=2).readall() == content
    assert blob.download_blob(offset=5_000_000, length=10).readall() == content[5_000_000:5_000_010]


def test_a_block_list_of_unknown_blocks_is_refused(container: ContainerClient) -> None:
    with pytest.raises(HttpResponseError, match="block list"):
        container.get_blob_client("a").commit_block_list([BlobBlock("none")])


def test_an_empty_blob_is_a_blob(container: ContainerClient) -> None:
    container.upload_blob("empty", b"")
    assert container.download_blob("empty").readall() == b""


def test_content_that_changed_on_the_way_is_refused(
    container: ContainerClient, azure: RunningEmulator, account: tuple[str, str, str]
) -> None:
    address = with_sas(account, "rw").get_blob_client("a").url
    wrong = base64.b64encode(b"0" * 16).decode()
    answer = azure.client.put(address, content=b"hello", headers={"Content-MD5": wrong, "x-ms-blob-type": "BlockBlob"})
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    with pytest.raises(ResourceNotFoundError):
        container.download_blob("a")


def test_a_write_with_an_old_etag_is_refused(container: ContainerClient) -> None:
    from azure.core import MatchConditions

    blob = container.upload_blob("a", b"one")
    old = blob.get_blob_properties().etag
    blob.upload_blob(b"two", overwrite=True)
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"three", overwrite=True, etag=old, match_condition=MatchConditions.IfNotModified)


def test_listing_knows_prefix_folders_pages_and_metadata(container: ContainerClient) -> None:
    for name in ("a/1", "a/2", "ab", "b/c/3"):
        container.upload_blob(name, b"x", metadata={"n": name[-1]})
    assert [blob.name for blob in container.list_blobs(name_starts_with="a")] == ["a/1", "a/2", "ab"]
    assert {blob.name for blob in container.walk_blobs()} == {"a/", "ab", "b/"}
    pages = container.list_blobs(results_per_page=2).by_page()
    assert [[blob.name for blob in page] for page in pages] == [["a/1", "a/2"], ["ab", "b/c/3"]]
    assert next(container.list_blobs(include=["metadata"])).metadata == {"n": "1"}


def test_a_deleted_blob_is_gone_and_its_folder_too(container: ContainerClient) -> None:
    container.upload_blob("a/b", b"x")
    container.delete_blob("a/b")
    assert list(container.list_blobs()) == []
    with pytest.raises(ResourceNotFoundError):
        container.delete_blob("a/b")


def test_a_container_that_is_not_there_is_not_found(account: tuple[str, str, str]) -> None:
    url, _, key = account
    with pytest.raises(ResourceNotFoundError):
        list(BlobServiceClient(url, credential=key).get_container_client("nowhere").list_blobs())


@pytest.mark.usefixtures("container")
def test_a_wrong_key_is_refused(account: tuple[str, str, str]) -> None:
    url, _, _ = account
    wrong = base64.b64encode(os.urandom(64)).decode()
    with pytest.raises(ClientAuthenticationError):
        BlobServiceClient(url, credential=wrong).get_container_client(_CONTAINER).upload_blob("a", b"x")


@pytest.mark.usefixtures("container")
def test_without_credentials_nobody_gets_in(account: tuple[str, str, str]) -> None:
    url, _, _ = account
    with pytest.raises(HttpResponseError) as refused:
        ContainerClient.from_container_url(f"{url}/{_CONTAINER}").upload_blob("a", b"x")
    assert refused.value.status_code == 401


@pytest.mark.usefixtures("container")
def test_a_sas_gives_what_it_says_and_no_more(account: tuple[str, str, str]) -> None:
    with_sas(account, "w").upload_blob("a", b"x")
    reads = with_sas(account, "rl")
    assert reads.download_blob("a").readall() == b"x"
    assert [blob.name for blob in reads.list_blobs()] == ["a"]
    for refused in (lambda: reads.upload_blob("b", b"x"), lambda: reads.delete_blob("a")):
        with pytest.raises(HttpResponseError) as failure:
            refused()
        assert failure.value.status_code == 403


@pytest.mark.usefixtures("container")
def test_a_sas_that_is_over_or_forged_is_refused(account: tuple[str, str, str]) -> None:
    forged = with_sas(account, "rwl", key=base64.b64encode(os.urandom(64)).decode())
    for client in (with_sas(account, "rwl", minutes=-1), forged):
        with pytest.raises(ClientAuthenticationError):
            client.upload_blob("a", b"x")


@pytest.mark.usefixtures("container")
def test_a_sas_of_one_container_opens_no_other(account: tuple[str, str, str]) -> None:
    client = with_sas(account, "rwl")
    elsewhere = ContainerClient.from_container_url(client.url.replace(f"/{_CONTAINER}?", "/azureml?"))
    with pytest.raises(ClientAuthenticationError):
        elsewhere.upload_blob("a", b"x")


@pytest.mark.usefixtures("container")
def test_a_token_opens_storage_for_who_may(azure: RunningEmulator, account: tuple[str, str, str]) -> None:
    url, _, _ = account
    ContainerClient(url, _CONTAINER, credential=DefaultAzureCredential()).upload_blob("a", b"x")
    reader = azure.new_principal("reader", {"role": "Reader"})
    credential = ClientSecretCredential(azure.environment["AZURE_TENANT_ID"], reader["client_id"], reader["secret"])
    container = ContainerClient(url, _CONTAINER, credential=credential)
    assert container.download_blob("a").readall() == b"x"
    with pytest.raises(HttpResponseError) as refused:
        container.upload_blob("b", b"x")
    assert refused.value.status_code == 403


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "a/./b", "a//b"])
def test_a_blob_never_leaves_its_container(
    container: ContainerClient, azure: RunningEmulator, account: tuple[str, str, str], name: str
) -> None:
    sas = with_sas(account, "rwcl").url.partition("?")[2]
    path = f"/{container.url.split('/', 3)[3]}/{name.replace('/', '%2F')}?{sas}"
    answer = azure.client.put(path, content=b"x", headers={"x-ms-blob-type": "BlockBlob"})
    assert answer.status_code == 400
    assert not list((azure.data / "blobs").rglob("outside"))
