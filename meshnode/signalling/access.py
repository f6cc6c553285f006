"""Who may publish, play or command: one key, and tokens signed under it.

The operator has one secret, the publish key.  It publishes everything and commands the
node.  From it an Ed25519 key is derived, and `meshnode token STREAM` signs tokens (JWS,
RFC 7515, algorithm Ed25519 of RFC 9864) bound to a stream, to rights and to an expiry:
what a broadcaster gets instead of the key.  Derived, not stored, so that every node
given the same key honours the same tokens; a token key in a file of its own serves who
wants to hand out tokens elsewhere.  The derivation is scrypt, because whoever holds a
token could otherwise try out weak keys offline at millions a second.

Without a publish key everybody on this machine may publish.  A bearer is then only a
name: whoever started a stream with it may take it over with it (OBS after a crash).
Playing is open: a bearer that a player sends is not looked at.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from meshnode.signalling.problems import Refused
from meshproto.errors import StateError

ALGORITHM = "Ed25519"
ANY_STREAM = "*"
TOKEN_BYTES_MAX = 4096
_SALT = b"meshnode token key 1"
_CLAIM_CONTEXT = b"meshnode claim secret 1"
_CLAIM_SALT = b"meshnode bearer claim 1"
NAMED_SCRYPT_N = 2**12
"""A bearer without a publish key is a name that people choose: 10 ms to try one."""
NAMED_KEPT = 64


class Right(Enum):
    """What a credential allows."""

    PUBLISH = "publish"
    PLAY = "play"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request may do, and as whom.

    `owner` is the same for all credentials of one key and "" for an anonymous caller;
    a stream is taken over only by its own owner.  `secret` (32 octets) goes with the
    owner: the claim on a stream in the mesh is derived from it, so whoever has the key
    may take the stream over at any node.
    """

    owner: str
    rights: frozenset[Right]
    stream: str = ANY_STREAM
    secret: bytes | None = field(default=None, repr=False, compare=False)

    def allows(self, right: Right, stream: str) -> bool:
        """Whether `right` holds for `stream`."""
        return right in self.rights and self.stream in (ANY_STREAM, stream)


ANONYMOUS = Grant("", frozenset())
_KEY_HOLDER = "key"


class TokenKey:
    """An Ed25519 key pair that signs and checks tokens."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._key = _okp(private)
        seed = private.private_bytes_raw()
        self.secret = hashlib.sha256(_CLAIM_CONTEXT + seed).digest()
        """What claims are derived from (RFC 0005 section 2.1)."""

    @classmethod
    def derive(cls, publish_key: str) -> TokenKey:
        """The pair that a publish key stands for, the same on every node."""
        seed = hashlib.scrypt(
            publish_key.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=32
        )
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> TokenKey:
        """The pair in a PEM file (PKCS #8).  Raises `StateError`."""
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise StateError(f"{path}: no usable token key: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise StateError(f"{path}: a token key must be an Ed25519 key")
        return cls(key)

    def sign(
        self,
        stream: str,
        rights: Iterable[Right],
        *,
        issued_at: int,
        expires_at: int,
    ) -> str:
        """A token for `stream` ("*": every stream); times are Unix seconds."""
        claims = {
            "stream": stream,
            "rights": [right.value for right in rights],
            "iat": issued_at,
            "exp": expires_at,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])

    def verify(self, token: str, unix_now: float) -> Grant | None:
        """What the token grants; None if it is no valid token of this key."""
        if len(token) > TOKEN_BYTES_MAX or not token.isascii():
            return None
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            return None
        return _grant(claims, unix_now)


def _grant(claims: Mapping[str, object], unix_now: float) -> Grant | None:
    stream, named, expires = (claims.get(k) for k in ("stream", "rights", "exp"))
    if not isinstance(expires, int | float) or expires <= unix_now:
        return None
    if not isinstance(stream, str) or not isinstance(named, list):
        return None
    rights = frozenset(right for right in Right if right.value in named)
    return Grant(_KEY_HOLDER, rights, stream)


def _okp(private: Ed25519PrivateKey) -> OKPKey:
    pair = {
        "x": private.public_key().public_bytes_raw(),
        "d": private.private_bytes_raw(),
    }
    parts = {
        name: base64.urlsafe_b64encode(value).rstrip(b"=").decode()
        for name, value in pair.items()
    }
    return OKPKey.import_key({"kty": "OKP", "crv": ALGORITHM, **parts})


class Gatekeeper:
    """Turns a bearer into a grant, and a missing right into a refusal."""

    def __init__(
        self, publish_key: str | None = None, token_keys: Sequence[TokenKey] = ()
    ) -> None:
        self._publish_key = (publish_key or "").encode()
        derived = [TokenKey.derive(publish_key)] if publish_key else []
        self._token_keys = (*token_keys, *derived)

    @property
    def has_key(self) -> bool:
        """Whether publishing asks for a key or a token."""
        return bool(self._token_keys)

    def publish(self, bearer: str, stream: str, unix_now: float, local: bool) -> Grant:
        """The grant to publish `stream`; `local`: asked from this very machine."""
        if self.has_key:
            return self._demand(bearer, Right.PUBLISH, stream, unix_now)
        if not local:
            raise Refused(
                403,
                "publishing from other machines or sites needs a publish key; "
                "set one with --publish-key-file or MESHNODE_PUBLISH_KEY",
            )
        return Grant(
            _named(bearer), frozenset({Right.PUBLISH}), stream, _named_secret(bearer)
        )

    def admin(self, bearer: str, unix_now: float) -> Grant:
        """The grant to command this node over its public address."""
        if not self.has_key:
            raise Refused(403, "this is answered on the --admin address only")
        return self._demand(bearer, Right.ADMIN, ANY_STREAM, unix_now)

    def _demand(self, bearer: str, right: Right, stream: str, unix_now: float) -> Grant:
        grant = self._grant(bearer, unix_now)
        if grant is None:
            error = ' error="invalid_token"' if bearer else ""
            raise Refused(
                401,
                "send 'Authorization: Bearer KEY' with the publish key, or a token "
                "that is valid now",
                headers={"WWW-Authenticate": f'Bearer realm="meshnode"{error}'},
            )
        if not grant.allows(right, stream):
            raise Refused(403, f"this token does not give the right to {right.value}")
        return grant

    def _grant(self, bearer: str, unix_now: float) -> Grant | None:
        if not bearer:
            return None
        if self._publish_key and hmac.compare_digest(
            bearer.encode(), self._publish_key
        ):
            return Grant(_KEY_HOLDER, frozenset(Right), secret=self._secret())
        granted = (key.verify(bearer, unix_now) for key in self._token_keys)
        found = next((grant for grant in granted if grant is not None), None)
        return None if found is None else replace(found, secret=self._secret())

    def _secret(self) -> bytes:
        """One for all credentials, as they have one owner."""
        return self._token_keys[-1].secret


def _named(bearer: str) -> str:
    return hashlib.sha256(bearer.encode()).hexdigest()[:16] if bearer else ""


@lru_cache(maxsize=NAMED_KEPT)
def _named_secret(bearer: str) -> bytes | None:
    if not bearer:
        return None
    return hashlib.scrypt(
        bearer.encode(), salt=_CLAIM_SALT, n=NAMED_SCRYPT_N, r=8, p=1, dklen=32
    )


def bearer_of(authorization: str) -> str:
    """The token of an Authorization header, "" if there is none (RFC 6750).

    Some clients add the scheme a second time, to a token pasted with it.
    """
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        return ""
    token = token.strip()
    again, _, rest = token.partition(" ")
    return rest.strip() if again.lower() == "bearer" else token
