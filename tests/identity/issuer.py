"""A real OIDC issuer on loopback: discovery, keys that change, authorization with PKCE, ID tokens. And all that a forger can sign.

with TestIssuer() as issuer:
    token = issuer.token(sub="anna", aud="mlrelease")
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

Json = dict[str, Any]


class TestIssuer:
    """Serves until the end of the ``with``. ``person`` is who logs in at it."""

    __test__ = False  # pytest takes the name for a test's

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.key_id = ""
        self.rotate()
        self.person: Json = {"sub": "anna"}
        self.nonce: str | None = None  # given instead of the one that was sent
        self.requests: list[str] = []
        self.is_away = False
        self.goes_on = threading.Event()  # while cleared it takes requests, and sends a letter now and then
        self.goes_on.set()
        self._codes: dict[str, Json] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def rotate(self) -> None:
        """A new key; what was signed with the one before no longer holds."""
        self.key_id = secrets.token_hex(4)
        self.keys = {self.key_id: generate_private_key(65537, 2048)}

    def token(self, *, headers: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A good token for the audience ``mlrelease``; claims replace, None leaves out."""
        return jwt.encode(
            self.claims(**claims),
            self.keys[self.key_id],
            algorithm="RS256",
            headers={"kid": self.key_id, **(headers or {})},
        )

    def claims(self, **claims: Any) -> Json:
        now = int(time.time())
        whole = {"iss": self.url, "aud": "mlrelease", "sub": "anna", "iat": now, "nbf": now, "exp": now + 600, **claims}
        return {claim: value for claim, value in whole.items() if value is not None}

    def public_pem(self) -> bytes:
        return self.keys[self.key_id].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def answer(self, path: str) -> Json | None:
        """Its documents, by path."""
        self.requests.append(path)
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            }
        if path == "/keys":
            return {
                "keys": [
                    {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig"}
                    for key_id, key in self.keys.items()
                ]
            }
        return None

    def authorize(self, query: Mapping[str, list[str]]) -> str:
        """Where the browser is sent back to: the person has agreed."""
        code = secrets.token_urlsafe()
        self._codes[code] = {name: values[0] for name, values in query.items()}
        return f"{query['redirect_uri'][0]}?{urlencode({'code': code, 'state': query['state'][0]})}"

    def give(self, form: Mapping[str, list[str]]) -> Json | None:
        """The ID token for a code, once, to whoever has the verifier of its challenge. None: refused."""
        asked = self._codes.pop(form.get("code", [""])[0], None)
        digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge_method"] != "S256" or asked["code_challenge"] != challenge:
            return None
        if form["redirect_uri"][0] != asked["redirect_uri"]:
            return None
        nonce = self.nonce or asked["nonce"]
        return {"id_token": self.token(aud=asked["client_id"], nonce=nonce, **self.person), "token_type": "Bearer"}


def _handler(issuer: TestIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            if place.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", issuer.authorize(parse_qs(place.query)))
                self.end_headers()
            else:
                self._send(issuer.answer(place.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = issuer.give(parse_qs(body))
            self._send(given or {"error": "invalid_grant"}, status=200 if given else 400)

        def _send(self, document: Json | None, *, status: int = 200) -> None:
            self.send_response(503 if issuer.is_away else status if document is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.flush_headers()
            with suppress(ConnectionError):  # whoever asked may have had enough
                if not issuer.goes_on.is_set():
                    self.wfile.write(b"X-Slow: ")
                    while not issuer.goes_on.wait(0.05):
                        self.wfile.write(b"x")
                    self.wfile.write(b"\r\n")
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its signature
            """Say nothing: a test's output is its own."""

    return Handler
