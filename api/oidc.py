"""Bearer tokens of an OpenID Connect issuer: checked against the issuer's own published keys.

    OidcSettings    issuer and audience, from the environment
    Oidc.verify     a token → who it names, or TokenError

The rules are those of OpenID Connect Core 3.1.3.7 and RFC 9068: issuer and audience must match, the signature must be
of an asymmetric algorithm by a key of the issuer, and the token must be within its time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kg.errors import KgError, UsageError

if TYPE_CHECKING:
    from jwt import PyJWK, PyJWKSet

__all__ = ["Oidc", "OidcSettings", "Subject", "TokenError"]

log = logging.getLogger("api.oidc")

#: Only algorithms with a public key: a token signed with a shared secret, or with nothing, is never accepted.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Seconds by which clocks may differ.
_LEEWAY = 60
#: Seconds that the issuer's keys are kept, and how long at least before they are asked for again for an unknown key:
#: whoever sends tokens with invented key ids must not make this server call the issuer each time.
_KEEP, _AT_LEAST = 600, 30
#: Seconds that the issuer has to answer.
_TIMEOUT = 5
_MAX_TOKEN = 8_192


class TokenError(KgError):
    """A bearer token that names nobody; the message says why without repeating the token."""

    code = "UNAUTHENTICATED"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a token names: unique by issuer and subject together."""

    issuer: str
    subject: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Whom to trust.  ``jwks_url`` is found through the issuer's discovery document where it is empty."""

    issuer: str
    audience: str
    jwks_url: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> OidcSettings | None:
        """``KG_OIDC_ISSUER``, ``KG_OIDC_AUDIENCE`` and, if it is not discovered, ``KG_OIDC_JWKS_URL``.

        ``None`` where none is set; raises :class:`~kg.errors.UsageError` for half a configuration.
        """
        issuer = environment.get("KG_OIDC_ISSUER", "").strip()
        audience = environment.get("KG_OIDC_AUDIENCE", "").strip()
        jwks = environment.get("KG_OIDC_JWKS_URL", "").strip()
        if not issuer and not audience and not jwks:
            return None
        if not issuer or not audience:
            missing = "KG_OIDC_ISSUER" if not issuer else "KG_OIDC_AUDIENCE"
            raise UsageError(f"{missing} is not set", "OpenID Connect needs KG_OIDC_ISSUER and KG_OIDC_AUDIENCE")
        for name, url in (("KG_OIDC_ISSUER", issuer), ("KG_OIDC_JWKS_URL", jwks)):
            parts = urlsplit(url)
            loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
            if url and (parts.scheme != "https" and not (parts.scheme == "http" and loopback)):
                raise UsageError(f"{name} is not an https address: {url}", "keys fetched in clear can be exchanged")
        return cls(issuer, audience, jwks)


class Oidc:
    """Verifies tokens of one issuer.  Thread-safe."""

    def __init__(self, settings: OidcSettings) -> None:
        try:
            import jwt
        except ImportError:
            raise UsageError("OpenID Connect needs PyJWT", "pip install 'aigov-kg[oidc]'") from None
        self._jwt = jwt
        self.settings = settings
        self._keys: PyJWKSet | None = None
        self._fetched = float("-inf")
        self._lock = Lock()

    def verify(self, token: str) -> Subject:
        """Whom the token names; raises :class:`TokenError`."""
        if len(token) > _MAX_TOKEN:
            raise TokenError("the token is too long")
        try:
            header = self._jwt.get_unverified_header(token)
            claims: dict[str, Any] = self._jwt.decode(
                token,
                self._key(str(header.get("kid", ""))),
                algorithms=list(_ALGORITHMS),
                audience=self.settings.audience,
                issuer=self.settings.issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except self._jwt.PyJWTError as error:
            raise TokenError(f"the token is not valid: {_why(error)}") from None
        name = claims.get("email") or claims.get("name") or claims.get("preferred_username") or ""
        return Subject(self.settings.issuer, str(claims["sub"]), str(name)[:200])

    def _key(self, id_: str) -> PyJWK:
        keys = self._published()
        found = next((k for k in keys.keys if k.key_id == id_), None) if id_ else None
        if found is None and not id_ and len(keys.keys) == 1:
            found = keys.keys[0]
        if found is None:
            keys = self._published(unknown=True)
            found = next((k for k in keys.keys if k.key_id == id_), None)
        if found is None:
            raise TokenError("the token is signed with a key that the issuer does not publish")
        return found

    def _published(self, *, unknown: bool = False) -> PyJWKSet:
        """The issuer's keys, fetched when they are old, or for an unknown key when that is long enough ago."""
        with self._lock:
            age = time.monotonic() - self._fetched
            if age > _KEEP or (age > _AT_LEAST and (unknown or self._keys is None)):
                self._fetched = time.monotonic()
                try:
                    self._keys = self._jwt.PyJWKSet.from_dict(_get(self.settings.jwks_url or self._discovered()))
                except (OSError, ValueError, KeyError, TypeError, self._jwt.PyJWTError) as error:
                    log.warning("the keys of %s cannot be read: %s", self.settings.issuer, error)
            if self._keys is None:
                raise TokenError("the issuer's keys cannot be read at the moment")
            return self._keys

    def _discovered(self) -> str:
        """The address of the keys in the issuer's discovery document, which must be the issuer's own."""
        found = _get(self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.settings.issuer:
            raise ValueError("its discovery document names another issuer")
        return str(found["jwks_uri"])


def _get(url: str) -> dict[str, Any]:
    import json
    from urllib.request import Request, urlopen

    request = Request(url, headers={"Accept": "application/json"})
    with urlopen(request, timeout=_TIMEOUT) as response:
        found = json.loads(response.read(1_000_000))
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _why(error: Exception) -> str:
    """PyJWT's reason in a few words of ours: its texts may repeat what the token says."""
    reasons = {
        "ExpiredSignatureError": "it has expired",
        "ImmatureSignatureError": "it is not valid yet",
        "InvalidAudienceError": "it is for another audience",
        "InvalidIssuerError": "it is of another issuer",
        "InvalidAlgorithmError": "its algorithm is not accepted",
        "InvalidSignatureError": "its signature is wrong",
        "MissingRequiredClaimError": "a claim is missing (exp, iss, aud and sub are needed)",
    }
    return reasons.get(type(error).__name__, "it cannot be read")
