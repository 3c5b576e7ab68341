"""What an application does with a released model: read address and key from the Key Vault, then send a request.

Plain HTTP, with the protocols of Key Vault and of managed online endpoints; the Azure SDK is not needed for it.
"""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

import httpx

from app.errors import MlreleaseError

_API_VERSION = "7.4"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class NotAnswered(MlreleaseError):
    """The vault or the endpoint refused a request."""

    default_code = "not_answered"


@dataclass(frozen=True)
class Application:
    """Knows an endpoint's address and key, and sends requests with them."""

    http: httpx.Client
    address: str
    headers: Mapping[str, str] = field(repr=False)  # with the key

    def send(self, texts: Sequence[str]) -> httpx.Response:
        """Whatever is answered. Raises httpx.TransportError where nothing is."""
        return self.http.post(self.address, json={"data": list(texts)}, headers=dict(self.headers))


class Consumer:
    """An application that knows its Azure environment (``variables``, as DefaultAzureCredential reads them) and nothing else.

    Its connections end with the ``with``: whoever serves them would wait for it.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        trusted = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
        self._http = httpx.Client(verify=trusted, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._http.close()

    def ask(self, endpoint: str, key_vault: str, texts: Sequence[str]) -> list[Any]:
        """The endpoint's predictions for some texts."""
        answer = self.application(endpoint, key_vault).send(texts)
        if not answer.is_success:
            _not_answered(f"The endpoint {endpoint}", answer)
        predictions: list[Any] = answer.json()["predictions"]
        return predictions

    def application(self, endpoint: str, key_vault: str) -> "Application":
        """With what it reads at its start."""
        address = self._secret(key_vault, f"{endpoint}-scoring-uri")
        key = self._secret(key_vault, f"{endpoint}-primary-key")
        return Application(self._http, address, {"Authorization": f"Bearer {key}"})

    def _secret(self, vault: str, name: str) -> str:
        address = self._variables["KEY_VAULT_URL_TEMPLATE"].format(vault=vault)
        address = f"{address}/secrets/{name}?api-version={_API_VERSION}"
        challenge = self._http.get(address)
        headers = {"Authorization": f"Bearer {self._token(challenge)}"}
        answer = self._http.get(address, headers=headers)
        if not answer.is_success:
            _not_answered(f"The secret {name} in {vault}", answer)
        value: str = answer.json()["value"]
        return value

    def _token(self, challenge: httpx.Response) -> str:
        """A token for the vault, from the authority and for the resource that the vault names."""
        wanted = dict(_CHALLENGE.findall(challenge.headers.get("WWW-Authenticate", "")))
        if not {"authorization", "resource"} <= wanted.keys():
            _not_answered("The Key Vault", challenge)
        answer = self._http.post(
            f"{wanted['authorization']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self._variables["AZURE_CLIENT_ID"],
                "client_secret": self._variables["AZURE_CLIENT_SECRET"],
                "scope": f"{wanted['resource']}/.default",
            },
        )
        if not answer.is_success:
            _not_answered("A token for the Key Vault", answer)
        token: str = answer.json()["access_token"]
        return token


def _not_answered(what: str, answer: httpx.Response) -> NoReturn:
    raise NotAnswered(f"{what} was refused: {answer.status_code} {answer.text[:200]}")
