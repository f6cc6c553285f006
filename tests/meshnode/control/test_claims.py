"""Claim keys: the vectors of RFC 0005 section 2.1, and what a claim says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshnode.control.claims import claim_key, make_claim, public_octets, stream_of
from meshnode.control.identity import KeyPair, verify
from meshnode.signalling.access import Gatekeeper
from meshproto.ids import StreamName

VECTORS = json.loads(
    (Path(__file__).parents[3] / "rfcs/vectors/control/claim.json").read_text()
)
CAM = StreamName("cam")


@pytest.mark.parametrize("case", VECTORS["cases"])
def test_a_secret_and_a_name_make_one_key_everywhere(case: dict[str, str]) -> None:
    key = claim_key(bytes.fromhex(case["secret"]), StreamName(case["name"]))
    assert public_octets(key).hex() == case["claim_key"]
    assert stream_of(key, StreamName(case["name"])).hex() == case["stream"]


def test_all_credentials_of_a_publish_key_have_its_secret() -> None:
    (case, _) = VECTORS["secrets"]
    gate = Gatekeeper(case["publish_key"])
    grant = gate.publish(case["publish_key"], "cam", 0.0, False)
    assert grant.secret is not None
    assert grant.secret.hex() == case["secret"]
    assert case["secret"] not in repr(grant)


def test_a_bearer_that_is_only_a_name_is_stretched() -> None:
    (_, case) = VECTORS["secrets"]
    grant = Gatekeeper().publish(case["bearer"], "cam", 0.0, True)
    assert grant.secret is not None
    assert grant.secret.hex() == case["secret"]
    assert Gatekeeper().publish("", "cam", 0.0, True).secret is None


def test_a_claim_is_signed_by_its_key_and_names_the_origin() -> None:
    node = KeyPair.generate().node
    claim = make_claim(claim_key(bytes(32), CAM), CAM, node, 7, 1_000)
    assert verify(claim.signer, claim.signed_part(), claim.signature)
    assert (claim.origin, claim.counter) == (node, 7)
    assert claim.stream == stream_of(claim_key(bytes(32), CAM), CAM)


def test_a_short_secret_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        claim_key(b"short", CAM)
