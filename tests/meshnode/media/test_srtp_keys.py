from __future__ import annotations

import pytest

from meshnode.media.srtp_keys import derive, session_keys
from meshproto.errors import StateError


def test_rfc_3711_b_3() -> None:
    key = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139")
    salt = bytes.fromhex("0ec675ad498afeebb6960b3aabe6")
    found = session_keys("AES128_CM_SHA1_80", key, salt)
    assert found.rtp_key.hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert found.rtp_salt.hex() == "30cbbc08863d8c85d49db34a9ae1"
    assert found.rtp_auth.hex() == "cebe321f6ff7716b6fd4ab49af256a156d38baa4"


def test_aead_profiles_have_no_authentication_keys() -> None:
    found = session_keys("AEAD_AES_256_GCM", bytes(32), bytes(12))
    assert (len(found.rtp_key), len(found.rtcp_salt)) == (32, 12)
    assert (found.rtp_auth, found.rtcp_auth) == (b"", b"")


def test_every_label_gives_another_key() -> None:
    assert len({derive(bytes(16), bytes(14), label, 16) for label in range(6)}) == 6


@pytest.mark.parametrize("profile", ["AEAD_AES_128_GCM", "AES128_CM_SHA1_80", "?"])
def test_wrong_sizes_are_refused(profile: str) -> None:
    with pytest.raises(StateError, match="do not fit"):
        session_keys(profile, bytes(16), bytes(13))
