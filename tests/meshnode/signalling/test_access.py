"""Keys, tokens, and what a request without them may do."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.signalling.access import (
    ANY_STREAM,
    Gatekeeper,
    Right,
    TokenKey,
    bearer_of,
)
from meshnode.signalling.problems import Refused
from meshproto.errors import StateError
from support.offers import publish_offer

KEY = "correct horse battery staple"
NOW = 1_800_000_000


def token(*rights: Right, stream: str = "demo", lasts_s: int = 60, key=KEY) -> str:
    return TokenKey.derive(key).sign(
        stream, rights or (Right.PUBLISH,), issued_at=NOW, expires_at=NOW + lasts_s
    )


def refused(call) -> Refused:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


def test_a_token_opens_its_stream_and_no_other() -> None:
    keeper = Gatekeeper(KEY)
    assert keeper.publish(token(), "demo", NOW, False).stream == "demo"
    assert refused(lambda: keeper.publish(token(), "other", NOW, False)).status == 403


def test_a_token_for_every_stream_opens_any() -> None:
    assert Gatekeeper(KEY).publish(token(stream=ANY_STREAM), "x", NOW, False).owner


def test_a_token_gives_the_rights_it_names_only() -> None:
    keeper = Gatekeeper(KEY)
    play = token(Right.PLAY)
    assert refused(lambda: keeper.publish(play, "demo", NOW, False)).status == 403
    admin = token(Right.ADMIN, stream=ANY_STREAM)
    assert keeper.admin(admin, NOW).rights == {Right.ADMIN}
    assert refused(lambda: keeper.admin(token(), NOW)).status == 403


def test_a_token_ends_at_its_expiry() -> None:
    keeper = Gatekeeper(KEY)
    assert keeper.publish(token(lasts_s=60), "demo", NOW + 59, False)
    late = refused(lambda: keeper.publish(token(lasts_s=60), "demo", NOW + 60, False))
    assert late.status == 401
    assert "invalid_token" in late.headers["WWW-Authenticate"]


def test_two_nodes_with_the_same_key_honour_the_same_tokens() -> None:
    assert Gatekeeper(KEY).publish(token(), "demo", NOW, False)
    other = Gatekeeper("another key")
    assert refused(lambda: other.publish(token(), "demo", NOW, False)).status == 401


def test_the_key_itself_may_do_everything() -> None:
    keeper = Gatekeeper(KEY)
    assert keeper.publish(KEY, "demo", NOW, False).rights == set(Right)
    assert keeper.admin(KEY, NOW).rights == set(Right)


def test_the_key_and_its_tokens_are_one_owner() -> None:
    keeper = Gatekeeper(KEY)
    owners = {keeper.publish(b, "demo", NOW, False).owner for b in (KEY, token())}
    assert len(owners) == 1
    assert "" not in owners


def test_without_a_key_only_this_machine_publishes() -> None:
    keeper = Gatekeeper(None)
    assert keeper.publish("", "demo", NOW, local=True).owner == ""
    said = refused(lambda: keeper.publish("", "demo", NOW, local=False))
    assert said.status == 403
    assert "--publish-key-file" in said.detail


def test_without_a_key_a_bearer_is_a_name() -> None:
    keeper = Gatekeeper(None)
    one, two = (keeper.publish(b, "demo", NOW, True).owner for b in ("a", "b"))
    assert one
    assert one != two
    assert refused(lambda: keeper.admin("a", NOW)).status == 403


def test_a_token_key_of_its_own_signs_and_opens_nothing_itself(tmp_path) -> None:
    path = tmp_path / "token.key"
    pem = Ed25519PrivateKey.generate().private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    path.write_bytes(pem)
    keeper = Gatekeeper(None, [TokenKey.load(path)])
    signed = TokenKey.load(path).sign(
        "demo", [Right.PUBLISH], issued_at=NOW, expires_at=NOW + 9
    )
    assert keeper.publish(signed, "demo", NOW, False)
    assert refused(lambda: keeper.publish("", "demo", NOW, True)).status == 401


@pytest.mark.parametrize("content", [b"", b"not a key"])
def test_an_unusable_token_key_is_named(tmp_path, content) -> None:
    path = tmp_path / "token.key"
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"token\.key"):
        TokenKey.load(path)


def test_a_token_key_of_another_kind_is_refused(tmp_path) -> None:
    path = tmp_path / "token.key"
    path.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )
    )
    with pytest.raises(StateError, match="Ed25519"):
        TokenKey.load(path)


def _forged(header: dict[str, str], claims: object) -> str:
    def part(value: object) -> str:
        raw = json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}."


@pytest.mark.parametrize("algorithm", ["none", "HS256", "Ed25519"])
def test_a_token_without_a_signature_is_none(algorithm) -> None:
    claims = {"stream": "*", "rights": ["publish"], "exp": NOW + 60}
    forged = _forged({"alg": algorithm}, claims)
    keeper = Gatekeeper(KEY)
    assert refused(lambda: keeper.publish(forged, "demo", NOW, False)).status == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"rights": ["publish"], "exp": NOW + 60},
        {"stream": "demo", "exp": NOW + 60},
        {"stream": "demo", "rights": ["publish"]},
        {"stream": "demo", "rights": "publish", "exp": NOW + 60},
        {"stream": 7, "rights": ["publish"], "exp": NOW + 60},
        {"stream": "demo", "rights": ["publish"], "exp": "never"},
    ],
)
def test_signed_claims_must_be_complete(claims) -> None:
    from joserfc import jwt

    key = TokenKey.derive(KEY)
    signed = jwt.encode({"alg": "Ed25519"}, claims, key._key, algorithms=["Ed25519"])
    assert key.verify(signed, NOW) is None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_as_bearer_is_an_answer_not_an_error(text) -> None:
    assert KEEPER.verify(text, NOW) is None


KEEPER = TokenKey.derive(KEY)
SIGNED = token().encode()


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_token_is_no_token(place, change) -> None:
    signed = SIGNED
    place %= len(signed)
    changed = bytearray(signed)
    changed[place] ^= change
    text = changed.decode("latin-1")
    # the last character of base64url has bits that mean nothing
    if place != len(signed) - 1:
        assert KEEPER.verify(text, NOW) is None


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", "abc"),
        ("bearer   abc ", "abc"),
        ("Bearer Bearer abc", "abc"),
        ("Basic abc", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_the_bearer_is_found(header, found) -> None:
    assert bearer_of(header) == found


# -- over HTTP -------------------------------------------------------------------------


async def test_a_wrong_key_is_401_and_says_how_to_send_it(start) -> None:
    client = await start(publish_key=KEY)
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = await client.publish(publish_offer(), **headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (
            "Authorization: Bearer" in (await answer.json(content_type=None))["detail"]
        )


async def test_a_key_or_a_token_publishes(start) -> None:
    client = await start(publish_key=KEY)
    now = int(time.time())
    signed = TokenKey.derive(KEY).sign(
        "two", [Right.PUBLISH], issued_at=now, expires_at=now + 60
    )
    for name, bearer in (("one", KEY), ("two", signed)):
        sent = {"Authorization": f"Bearer {bearer}"}
        assert (await client.publish(publish_offer(), name, **sent)).status == 201


async def test_the_key_is_nowhere_to_be_read(start) -> None:
    client = await start(publish_key=KEY)
    sent = {"Authorization": f"Bearer {KEY}"}
    session = (await client.publish(publish_offer(), **sent)).headers["Location"]
    for path in ("/status", "/metrics"):
        text = await (await client.ask("GET", f"{client.admin}{path}")).text()
        assert KEY not in text
        assert session.rpartition("/")[2] not in text


async def test_a_key_in_the_url_opens_nothing(start) -> None:
    client = await start(publish_key=KEY)
    path = f"/whip/demo?token={KEY}&key={KEY}"
    sent = {"Content-Type": "application/sdp"}
    answer = await client.ask("POST", path, data=publish_offer(), headers=sent)
    assert answer.status == 401
