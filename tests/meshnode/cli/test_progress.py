"""Failures of a session are sentences, and signals end things the right way."""

from __future__ import annotations

import datetime
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshnode.cli.progress import failure
from meshnode.client.session import RejectedError, Signalling


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's side of a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "both.pem"
    file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def said(http: aiohttp.ClientSession, url: str) -> str:
    with pytest.raises((aiohttp.ClientError, OSError)) as caught:
        await Signalling(http, url).open("offer")
    return failure(caught.value)


async def test_nobody_there(http: aiohttp.ClientSession) -> None:
    assert await said(http, "http://127.0.0.1:1/whip/x") == (
        "nobody answers at 127.0.0.1:1 (Connection refused)"
    )
    assert "no-such-host.invalid" in await said(http, "http://no-such-host.invalid/x")


async def test_a_certificate_nobody_trusts(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = TestServer(web.Application(), scheme="https")
    await server.start_server(ssl=self_signed(tmp_path))
    port = server.port
    sentence = await said(http, f"https://127.0.0.1:{port}/whip/x")
    await server.close()
    assert sentence.startswith(f"the certificate of 127.0.0.1:{port} is not trusted")


async def test_plain_http_where_tls_is_spoken(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = TestServer(web.Application())
    await server.start_server()
    assert await said(http, f"https://127.0.0.1:{server.port}/whip/x")
    await server.close()


def test_what_our_own_errors_say() -> None:
    assert failure(RejectedError(409, "no publisher")) == (
        "the server answered 409: no publisher"
    )
    assert failure(TimeoutError()) == "the server did not answer in time"
    assert failure(ConnectionError("no UDP reply")) == "no UDP reply"
    assert failure(RuntimeError("x")) == "the session failed: x"


STUBBORN = """
import asyncio
from meshnode.cli.run import _stopped_by_signal

async def main():
    stopped = _stopped_by_signal()
    print("waiting", flush=True)
    await stopped.wait()
    print("draining", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_second_signal_ends_a_node_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "draining\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
