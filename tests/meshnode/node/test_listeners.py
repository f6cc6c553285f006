"""The HTTP listeners: bad input on the socket, idle connections, addresses, TLS."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import logging
import ssl
import zipfile

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from meshnode import MeshNode, Settings
from meshnode.config import Endpoint
from meshnode.node.listeners import FIRST_REQUEST_S, Listener
from meshnode.signalling.doorway import Doorway
from meshnode.signalling.routes import application
from meshnode.signalling.trust import Trust
from meshproto.errors import StateError
from support.shared import require_shared


@pytest.fixture
async def listener():
    doorway = Doorway(Trust("127.0.0.1"), 240)
    served = Listener("--http", Endpoint("127.0.0.1", 0), application(doorway))
    await served.open()
    yield served
    await served.close()


async def exchange(port: int, sent: bytes, wait_s: float = 20.0) -> bytes:
    """What comes back for `sent` before the connection or the patience ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(wait_s):
            return await reader.read(65536)
    except (TimeoutError, ConnectionError):
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("192.0.2.77", r"\(192.0.2.77 is no address of this machine; 0.0.0.0 stands"),
        (
            "127.0.0.1",
            r"\(Address already in use\); choose another port, or --http 127",
        ),
        ("nowhere.invalid", r"nowhere.invalid:\d+ cannot be used \([A-Z][a-z ]+"),
    ],
)
async def test_an_address_that_cannot_be_had_says_why(listener, host, said) -> None:
    doorway = Doorway(Trust("127.0.0.1"), 240)
    second = Listener("--http", Endpoint(host, listener.port), application(doorway))
    with pytest.raises(StateError, match=said):
        await second.open()


async def test_bad_requests_are_refused_without_a_word_in_the_log(caplog) -> None:
    corpus = require_shared("corpora", "bad", "http")
    caplog.set_level(logging.INFO)
    settings = Settings(port=0, http="127.0.0.1:0", admin="127.0.0.1:0")
    statuses: dict[bytes, int] = {}
    async with MeshNode(settings) as node:
        port = int(node.urls["local"].rstrip("/").rpartition(":")[2])
        for archive in sorted(corpus.glob("*.zip")):
            with zipfile.ZipFile(archive) as members:
                for name in members.namelist():
                    answer = await exchange(port, members.read(name), 0.1)
                    status = answer[9:12]
                    statuses[status] = statuses.get(status, 0) + 1
        assert node.status().counters["http_refusals"]["malformed"] > 100
        async with aiohttp.ClientSession() as http, http.get(node.urls["page"]) as page:
            assert page.status == 200
    assert sum(statuses.values()) > 100
    assert not [status for status in statuses if status.startswith(b"5")]
    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"POST /whip/demo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_400(listener, sent, caplog) -> None:
    answer = await exchange(listener.port, sent)
    assert answer.split(b" ")[1] == b"400"
    assert listener.malformed == 1
    assert caplog.records == []


async def test_a_request_without_a_host_is_refused(listener) -> None:
    answer = await exchange(listener.port, b"GET / HTTP/1.0\r\n\r\n")
    assert answer.split(b" ")[1] == b"403"


async def test_connections_that_ask_nothing_are_closed(listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"GET / HTTP/1.1\r\nHos")
    answer = await exchange(
        listener.port, b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    assert answer.split(b" ")[1] == b"404"
    kept_reader, kept = await asyncio.open_connection("127.0.0.1", listener.port)
    kept.write(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await kept_reader.readuntil(b"\r\n\r\n")
    listener.shed(0.0)
    listener.shed(FIRST_REQUEST_S / 2)
    assert not reader.at_eof()
    listener.shed(FIRST_REQUEST_S + 1)
    assert await asyncio.wait_for(reader.read(), 20) == b""
    kept.write(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"404" in await asyncio.wait_for(kept_reader.readuntil(b"\r\n\r\n"), 20)
    writer.close()
    kept.close()


async def test_a_wildcard_serves_both_families() -> None:
    settings = Settings(port=0, http="[::]:0", admin="127.0.0.1:0")
    async with MeshNode(settings) as node, aiohttp.ClientSession() as http:
        port = node.urls["local"].rstrip("/").rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            async with http.get(f"http://{host}:{port}/healthz") as answer:
                assert answer.status == 200


@pytest.fixture
def certificate(tmp_path):
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(form.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )
    )
    return tmp_path / "cert.pem", tmp_path / "key.pem"


async def test_with_a_certificate_everything_is_https(certificate) -> None:
    path, key = certificate
    settings = Settings(
        port=0, http="127.0.0.1:0", admin="127.0.0.1:0", tls_cert=path, tls_key=key
    )
    async with MeshNode(settings) as node, aiohttp.ClientSession() as http:
        assert node.urls["page"].startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=path)
        async with http.get(f"{node.urls['page']}healthz", ssl=context) as answer:
            assert answer.status == 200
        assert node.urls["admin"].startswith("http://")
