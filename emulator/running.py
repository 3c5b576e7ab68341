"""The emulator's process, from its start to its end."""

import json
import os
import socket
from pathlib import Path

import typer
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from emulator import certificates, identity
from emulator.groups import GROUP, SUBSCRIPTION
from emulator.server import build_app, build_emulator


class _Connection(H11Protocol):
    """A client that keeps a connection for later does not hear the end of its TLS session: that is not waited for."""

    def shutdown(self) -> None:
        super().shutdown()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


def run_emulator(
    data: Path, base_url: str, listener: socket.socket, *, state_file: Path, ready_file: Path | None
) -> None:
    """Serve on the listener until a signal. ``state_file``: tells who asks where it is, for as long as it runs."""
    state_file.unlink(missing_ok=True)
    certificate = certificates.ensure(data)
    emulator = build_emulator(data, base_url)
    owner = identity.default_principal(emulator)
    recorded = {
        "base_url": base_url,
        "pid": os.getpid(),
        "environment": environment(base_url, certificate.authority, owner),
    }

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.should_exit:
                return
            _write(state_file, json.dumps(recorded, indent=2))
            if ready_file is not None:
                _write(ready_file, json.dumps({"base_url": base_url, "pid": os.getpid()}))
            typer.echo(f"Azure ML emulator at {base_url}, data in {data}")

    config = uvicorn.Config(
        build_app(emulator),
        ssl_keyfile=str(certificate.server),
        ssl_certfile=str(certificate.server),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
        server_header=False,
        loop="asyncio",
        http=_Connection,
        ws="none",
    )
    try:
        Server(config).run(sockets=[listener])
    finally:
        state_file.unlink(missing_ok=True)


def environment(base_url: str, authority: Path, owner: identity.Principal) -> dict[str, str]:
    """The variables with which an unmodified script finds this emulator."""
    return {
        "ARM_CLOUD_METADATA_URL": f"{base_url}/metadata/endpoints?api-version=2019-05-01",
        "REGISTRY_DISCOVERY_ENDPOINT_URL": f"{base_url}/",
        "REQUESTS_CA_BUNDLE": str(authority),
        "SSL_CERT_FILE": str(authority),
        "AZURE_AUTHORITY_HOST": f"{base_url}{identity.AUTHORITY}",
        "AZURE_TENANT_ID": identity.TENANT,
        "AZURE_CLIENT_ID": owner.client_id,
        "AZURE_CLIENT_SECRET": owner.secret,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "AZURE_RESOURCE_GROUP": GROUP,
        "KEY_VAULT_URL_TEMPLATE": f"{base_url}/keyvault/{{vault}}",
    }


def _write(file: Path, text: str) -> None:
    """Write so that a reader sees all of it or nothing."""
    half = file.with_name(f".{file.name}.{os.getpid()}")
    half.touch(mode=0o600)
    half.write_text(text)
    half.replace(file)
