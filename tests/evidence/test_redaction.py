"""What looks like a secret is taken out, however it is written; what helps to find the fault stays."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.azureml.errors import AzureMLError, SdkFailed
from app.azureml.translation import operation_failed
from app.database.connection import Database
from app.events.work import UnitOfWork
from app.evidence.cleaning import LONGEST_LINE, LONGEST_TEXT, MOST_LINES, clean, last_lines
from app.evidence.redaction import redact
from app.evidence.service import fit_to_keep
from app.identity.actor import SERVICE
from app.jobs.service import JobState, record_job, record_state
from app.planning.places import Place
from app.steps.contract import Refused

NOW = datetime(2026, 1, 2, tzinfo=UTC)

SECRET = "Zk3xQ9vLw7Rt2Yp8"  # noqa: S105 - of nothing
BASE64_KEY = "q3Jm0Wc9T1xV5bN8yR2kL7dF4gH6jP0sA1zX3cV5bN7mQ9wE2rT4yU6iO8pK1lJ3hG5fD7sA9=="

WRITTEN = {
    "assignment": f"DB_PASSWORD={SECRET}",
    "python": f"api_key = '{SECRET}'",
    "escaped quote": f"password='a\\'{SECRET}'",
    "environment as Python shows it": f"environ({{'AZURE_CLIENT_SECRET': '{SECRET}', 'HOME': '/root'}})",
    "json": f'{{"accessToken": "{SECRET}", "n": 1}}',
    "json in json": f'"{{\\"password\\": \\"{SECRET} x\\"}}"',
    "yaml": f"client-secret: {SECRET}",
    "option": f"--api-key {SECRET}",
    "arrow": f"token => {SECRET}",
    "header": f"Authorization: Bearer {SECRET}",
    "header of a proxy": f"'proxy-authorization': 'Basic {SECRET}'",
    "bare bearer": f"sent bearer {SECRET} to it",
    "cookies": f"Cookie: a=b; session={SECRET}; c=d",
    "ocp": f"Ocp-Apim-Subscription-Key: {SECRET}",
    "shared access signature": f"https://x.blob.core.windows.net/c/f?sv=2022&sig={SECRET}%2F%3D&se=2026",
    "encoded": f"next=https%3A%2F%2Fx%3Fsig%3D{SECRET}",
    "storage": f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET}==;EndpointSuffix=core.windows.net",
    "service bus": f"Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccessKey={SECRET}=",
    "database": f"postgresql://user:{SECRET}@db.example/x",
    "database with odd characters": f"postgresql://user:p@ss/{SECRET}@db.example/x",
    "odbc": f"Server=s;Uid=u;Pwd={SECRET};",
    "jwt": f"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.{SECRET}",
    "jwt cut off": f"got eyJhbGciOiJ{SECRET}",
    "pem": f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{SECRET}\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    "pem without an end": f"-----BEGIN PRIVATE KEY-----\nMIIE{SECRET}\n{SECRET}",
    "pem without a beginning": f"MIIEowIBAAKC{SECRET}\nMIIEowIBAAKC{SECRET}\n-----END PRIVATE KEY-----",
    "github": f"ghp_{SECRET}{SECRET}",
    "our own": f"mlr_{SECRET}{SECRET}",
    "entra secret": "abc8Q~" + SECRET * 2,
    "key of Azure without a name": f"the key is {BASE64_KEY} here",
    "hexadecimal key without a name": "used 0123456789abcdef0123456789abcdef to ask",
    "key of Azure with another name": f"x={BASE64_KEY}",
    "environment of a container": f'{{"name": "DB_PASSWORD", "value": "{SECRET}"}}',
    "environment of a container in YAML": f"- name: DB_PASSWORD\n  value: {SECRET}",
    "pair": f"[('DB_PASSWORD', '{SECRET}')]",
    "arguments": f"['az', '--password', '{SECRET}']",
    "several": f"api_keys=['none', '{SECRET}']",
    "mapping": f'"credentials": {{"user": "u", "value": "{SECRET}"}}',
    "block of YAML": f"password: |\n  {SECRET}",
    "value in the next line": f'"password":\n  "{SECRET}"',
    "three quotes": f'password="""\n{SECRET}\n"""',
    "element": f"<password>{SECRET}</password>",
    "quotes of HTML": f"&quot;password&quot;:&quot;{SECRET}&quot;",
    "quotes of URLs": f"%22password%22%3A%22{SECRET}%22",
    "quotes of JavaScript": f"\\u0022password\\u0022: \\u0022{SECRET}\\u0022",
    "short name": f"DB_PASS={SECRET}",
    "numbered key": f"key1={SECRET}",
    "netrc": f"machine h login u password {SECRET}",
    "curl": f"curl -u admin:{SECRET} https://x",
    "comparison": f"password == '{SECRET}'",
    "address without a user": f"redis://:{SECRET}@h:6379/0",
    "address with a token": f"https://{SECRET}@github.com/x",
    "address that is a secret": f"https://hooks.slack.com/services/T0/B0/{SECRET}",
    "pem in small letters": f"-----begin private key-----\n{SECRET}\n-----end private key-----",
    "hidden by a NUL": f"pass\x00word={SECRET}",
    "hidden by a zero-width space": f"pass\u200bword={SECRET}",
    "hidden by a colour": f"pass\x1b[31mword\x1b[0m={SECRET}",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_secret_is_taken_out(how: str) -> None:
    kept = fit_to_keep(f"before\n{WRITTEN[how]}\nafter\n")

    for secret in (SECRET, BASE64_KEY, "0123456789abcdef0123456789abcdef"):
        assert secret not in kept
    assert "[removed]" in kept
    assert kept.startswith("before\n") or "without a beginning" in how


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeError: no such weights",
        "SecretsInjectionError: Azure says why.",
        "InvalidAuthenticationToken: The access token has expired.",
        "FileNotFoundError: [Errno 2] No such file or directory: '/var/azureml-app/model/weights.bin'",
        "KeyError: 'OPENAI_API_KEY'",
        "The key vault kv-team refuses: the identity has no role.",
        "model content sha256:0f3b6c0f3b6c0f3b6c0f3b6c0f3b6c0f3b6c0f3b6c0f3b6c0f3b6c0f3b6c0f3b",
        "Ran out of memory at layer 7 of 12; tokenizer=bert-base",
        "GET /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-dev 404",
        "see https://ml.azure.com/runs/careful_fox?wsid=/subscriptions/x",
        'File "/azureml/score.py", line 12, in init',
    ],
)
def test_what_helps_to_find_the_fault_stays(line: str) -> None:
    assert redact(clean(line)) == line


def test_only_the_end_of_a_log_is_kept_and_no_line_is_endless() -> None:
    lines = [f"line {number}" for number in range(MOST_LINES * 3)]

    kept = fit_to_keep("\n".join([*lines, "x" * LONGEST_LINE * 2]))

    assert kept.split("\n")[0] == f"line {MOST_LINES * 2 + 1}"
    assert len(kept.split("\n")[-1]) == LONGEST_LINE
    assert len(last_lines("\n".join(["y" * LONGEST_LINE] * MOST_LINES))) == LONGEST_TEXT


def test_secret_that_begins_before_what_is_kept_is_taken_out_too() -> None:
    """The text is cut after it was redacted: a cut between a name and its value would show the value."""
    kept = fit_to_keep(f"password='{SECRET}\n" + "x\n" * (MOST_LINES - 1))

    assert SECRET not in kept


@given(st.text(max_size=2000))
def test_whatever_was_written_is_kept_as_plain_text(text: str) -> None:
    kept = fit_to_keep(text)

    kept.encode("utf-8")
    assert not set(kept) & {"\x00", "\x1b", "\r", "\u202e", "\u200b"}
    assert fit_to_keep(kept) == kept or "[removed]" in kept


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "key", "-", "://", "eyJ", "\\", "'", "-----BEGIN ", "password=", "A1b/", " ", '{"a":'),
        *("secret-", "token", "a.-_", "--", f"{'A' * 17}\n", "f0", 'key="\\"'),
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    """A score script writes it, and while a pattern is tried no other thread of the worker runs: it would lose its lease."""
    text = piece * (128 * 1024 // len(piece))
    begun = time.process_time()

    redact(text)

    assert time.process_time() - begun < 2


@pytest.mark.parametrize("refusal", [Refused, AzureMLError, SdkFailed])
def test_no_refusal_is_made_with_a_secret(refusal: type[Refused] | type[AzureMLError]) -> None:
    """Whatever is raised of Azure's or a team's words is stored, told and logged as it is said here."""
    assert SECRET not in str(refusal(f"Could not log in with password={SECRET} at all."))


def test_secret_that_azures_words_are_cut_in_is_taken_out_before() -> None:
    message = "x" * 1450 + f" postgresql://user:{SECRET}{'y' * 100}@db.example/x"

    assert SECRET[:8] not in str(operation_failed("BadArgument", message, doing="deploy"))


def test_sentence_of_a_training_job_is_kept_without_secrets(database: Database) -> None:
    place = Place(subscription="s", resource_group="r", workspace="w")
    seen = JobState(status="Failed", is_final=True, code="failed", sentence=f"step api_key={SECRET} failed.")
    with UnitOfWork(database, SERVICE, now=NOW).transaction() as work:
        job, _ = record_job(work, place, "j")
        record_state(work, job, seen)

        assert job.sentence == "step api_key=[removed] failed."
