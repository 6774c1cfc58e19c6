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
from http.client import HTTPException
from threading import Condition
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
#: Seconds for which a request waits for keys that another is fetching.
_MOMENT = 1
#: Bytes of a document of the issuer.
_LARGEST = 1_000_000
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
            if url and not _is_secure(url):
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
        self._lock = Condition()
        self._fetching = False

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
        except (self._jwt.PyJWTError, OverflowError, RecursionError) as error:
            raise TokenError(f"the token is not valid: {_why(error)}") from None
        subject = str(claims["sub"])
        if not subject.isprintable() or len(subject) > 255:
            raise TokenError("the token is not valid: nobody here has such a subject")
        name = claims.get("email") or claims.get("name") or claims.get("preferred_username") or ""
        return Subject(self.settings.issuer, subject, str(name)[:200])

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
        """The issuer's keys, fetched when they are old, or for an unknown key when that is long enough ago.

        One thread fetches, and the others go on with the keys there are: a slow issuer must not hold up everybody.
        Where there are none yet they wait for a moment."""
        with self._lock:
            age = time.monotonic() - self._fetched
            due = age > _KEEP or (age > _AT_LEAST and (unknown or self._keys is None))
            mine = due and not self._fetching
            if mine:
                self._fetching, self._fetched = True, time.monotonic()
        if mine:
            self._fetch()
        with self._lock:
            self._lock.wait_for(lambda: self._keys is not None or not self._fetching, _MOMENT)
            if self._keys is None:
                raise TokenError("the issuer's keys cannot be read at the moment")
            return self._keys

    def _fetch(self) -> None:
        keys = None
        try:
            keys = self._jwt.PyJWKSet.from_dict(_get(self.settings.jwks_url or self._discovered()))
        except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError, RecursionError,
                self._jwt.PyJWTError) as error:  # fmt: skip
            log.warning("the keys of %s cannot be read: %s", self.settings.issuer, error)
        finally:
            with self._lock:
                self._fetching = False
                self._keys = keys or self._keys
                self._lock.notify_all()

    def _discovered(self) -> str:
        """The address of the keys in the issuer's discovery document, which must be the issuer's own."""
        found = _get(self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.settings.issuer:
            raise ValueError("its discovery document names another issuer")
        return str(found["jwks_uri"])


def _is_secure(url: str) -> bool:
    """Whether an address is https, or on this machine: what is fetched in clear can be exchanged."""
    try:
        parts = urlsplit(url)
        loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:
        return False
    return (parts.scheme == "https" and bool(parts.hostname)) or (parts.scheme == "http" and loopback)


def _get(url: str) -> dict[str, Any]:
    """The JSON object at an address, and at no other that this one leads to: the issuer names where its keys are, and
    must not send this server anywhere else.  All of it within the time there is, however slowly it comes."""
    import json
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Nowhere(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            """Follow none: it ends as the HTTP error that it is."""

    if not _is_secure(url):
        raise ValueError("its keys are not at an https address")
    until = time.monotonic() + _TIMEOUT
    data = b""
    with build_opener(Nowhere).open(Request(url, headers={"Accept": "application/json"}), timeout=_TIMEOUT) as response:
        while more := response.read1(65_536):
            data += more
            if len(data) > _LARGEST:
                raise ValueError("it is too large")
            if time.monotonic() > until:
                raise ValueError("it comes too slowly")
    found = json.loads(data)
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
