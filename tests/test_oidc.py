"""Tokens of an OpenID Connect issuer, checked against keys that a real server on loopback publishes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api.oidc import Oidc, OidcSettings, TokenError
from kg.errors import UsageError


class Issuer:
    """An issuer with a discovery document and keys; counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.asked = 0
        self.names_itself = True
        self.keys_at = ""
        self.elsewhere: dict[str, str] = {}
        self.open = Event()  #: it answers while this is set
        self.open.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                issuer.open.wait(20)
                if self.path in issuer.elsewhere:
                    self.send_response(302)
                    self.send_header("Location", issuer.elsewhere[self.path])
                    self.end_headers()
                    return
                found = issuer.answer(self.path)
                self.send_response(200 if found is not None else 404)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            name = self.url if self.names_itself else "https://elsewhere.example"
            return {"issuer": name, "jwks_uri": self.keys_at or f"{self.url}/keys"}
        if path == "/keys":
            return {"keys": [self.public(id_, key) for id_, key in self.keys.items()]}
        return None

    @staticmethod
    def public(id_: str, key: Any) -> dict[str, Any]:
        kind = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
        return json.loads(kind.to_jwk(key.public_key())) | {"kid": id_, "use": "sig"}

    def token(self, key: Any = None, kid: str | None = "one", algorithm: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        body = {"iss": self.url, "aud": "kg", "sub": "u-1", "exp": now + 300, "iat": now} | claims
        body = {name: value for name, value in body.items() if value is not None}
        headers = {"kid": kid} if kid else None
        return jwt.encode(body, self.keys["one"] if key is None else key, algorithm=algorithm, headers=headers)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def oidc(issuer: Issuer) -> Oidc:
    return Oidc(OidcSettings(issuer.url, "kg"))


def test_a_token_names_its_subject(issuer: Issuer, oidc: Oidc) -> None:
    found = oidc.verify(issuer.token(name="Rosa"))
    assert (found.issuer, found.subject, found.name) == (issuer.url, "u-1", "Rosa")


def test_keys_are_asked_for_once(issuer: Issuer, oidc: Oidc) -> None:
    for _ in range(5):
        oidc.verify(issuer.token())
    assert issuer.asked == 2  # the discovery document and the keys


def test_an_elliptic_key_will_do(issuer: Issuer, oidc: Oidc) -> None:
    issuer.keys["two"] = ec.generate_private_key(ec.SECP256R1())
    assert oidc.verify(issuer.token(issuer.keys["two"], "two", "ES256")).subject == "u-1"


BAD: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1},
    "not valid yet": {"nbf": 4_000_000_000},
    "another audience": {"aud": "other"},
    "another issuer": {"iss": "https://elsewhere.example"},
    "a claim is missing": {"exp": None},
    "no subject": {"sub": None},
}


@pytest.mark.parametrize("claims", BAD.values(), ids=BAD)
def test_a_token_that_does_not_hold_is_refused(issuer: Issuer, oidc: Oidc, claims: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        oidc.verify(issuer.token(**claims))


def test_a_token_signed_by_somebody_else_is_refused(issuer: Issuer, oidc: Oidc) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(TokenError, match="signature"):
        oidc.verify(issuer.token(other))


def test_a_token_signed_with_nothing_or_a_shared_secret_is_refused(issuer: Issuer, oidc: Oidc) -> None:
    public = json.dumps(Issuer.public("one", issuer.keys["one"]))
    for token in (issuer.token("", algorithm="none"), issuer.token(public * 2, algorithm="HS256")):
        with pytest.raises(TokenError):
            oidc.verify(token)


def test_what_is_no_token_is_refused_without_being_repeated(issuer: Issuer, oidc: Oidc) -> None:
    for text in ("", "a.b.c", "x" * 20_000, issuer.token()[:-4] + "AAAA", "é.é.é"):
        with pytest.raises(TokenError) as caught:
            oidc.verify(text)
        assert not text or text not in str(caught.value)


def test_invented_key_ids_do_not_make_the_server_call_the_issuer(issuer: Issuer, oidc: Oidc) -> None:
    oidc.verify(issuer.token())
    asked = issuer.asked
    for number in range(20):
        with pytest.raises(TokenError, match="does not publish"):
            oidc.verify(issuer.token(kid=f"k{number}"))
    assert issuer.asked == asked


def test_an_issuer_that_names_another_is_not_believed(issuer: Issuer, oidc: Oidc) -> None:
    issuer.names_itself = False
    with pytest.raises(TokenError, match="cannot be read"):
        oidc.verify(issuer.token())


def test_an_issuer_that_is_away_is_not_asked_for_every_token() -> None:
    issuer = Issuer()
    token = issuer.token()
    issuer.server.shutdown()
    issuer.server.server_close()
    oidc = Oidc(OidcSettings(issuer.url, "kg"))
    for _ in range(3):
        with pytest.raises(TokenError, match="cannot be read"):
            oidc.verify(token)


def test_a_slow_issuer_holds_up_nobody_whose_key_is_known(
    issuer: Issuer, oidc: Oidc, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token()
    oidc.verify(token)
    asked = issuer.asked
    issuer.open.clear()
    monkeypatch.setattr("api.oidc._KEEP", -1)
    monkeypatch.setattr("api.oidc._AT_LEAST", -1)
    first = Thread(target=oidc.verify, args=(token,))
    first.start()
    while issuer.asked == asked:
        time.sleep(0.01)
    assert oidc.verify(token).subject == "u-1"
    assert first.is_alive()
    issuer.open.set()
    first.join()


@pytest.mark.parametrize("where", ["file:///etc/hostname", "ftp://127.0.0.1/keys", "http://192.0.2.1/keys", "//["])
def test_the_issuer_does_not_lead_elsewhere(issuer: Issuer, oidc: Oidc, where: str) -> None:
    issuer.keys_at = where
    with pytest.raises(TokenError, match="cannot be read"):
        oidc.verify(issuer.token())


def test_no_redirect_is_followed(issuer: Issuer, oidc: Oidc) -> None:
    issuer.elsewhere = {"/keys": f"{issuer.url}/other"}
    with pytest.raises(TokenError, match="cannot be read"):
        oidc.verify(issuer.token())
    assert issuer.asked == 2


@pytest.mark.parametrize(
    "answer", [[], {"keys": 1}, {"keys": [[]]}, {"keys": "x" * 1_000_001}], ids=lambda a: str(a)[:9]
)
def test_what_are_no_keys_is_no_fault_of_ours(issuer: Issuer, oidc: Oidc, answer: Any) -> None:
    public = issuer.answer
    issuer.answer = lambda path: answer if path == "/keys" else public(path)  # type: ignore[method-assign]
    with pytest.raises(TokenError, match="cannot be read"):
        oidc.verify(issuer.token())


@pytest.mark.parametrize("claims", [{"sub": "u\x00"}, {"sub": "u\ud800"}, {"sub": "u" * 256}, {"exp": 1e999}], ids=repr)
def test_a_signed_token_with_strange_claims_is_refused(issuer: Issuer, oidc: Oidc, claims: dict[str, Any]) -> None:
    with pytest.raises(TokenError, match="not valid"):
        oidc.verify(issuer.token(**claims))


SETTINGS = {
    "half": {"KG_OIDC_ISSUER": "https://id.example"},
    "only keys": {"KG_OIDC_JWKS_URL": "https://id.example/keys"},
    "in clear": {"KG_OIDC_ISSUER": "http://id.example", "KG_OIDC_AUDIENCE": "kg"},
    "keys in clear": {
        "KG_OIDC_ISSUER": "https://id.example",
        "KG_OIDC_AUDIENCE": "kg",
        "KG_OIDC_JWKS_URL": "http://id.example/keys",
    },
    "a file": {"KG_OIDC_ISSUER": "file:///etc", "KG_OIDC_AUDIENCE": "kg"},
}


@pytest.mark.parametrize("environment", SETTINGS.values(), ids=SETTINGS)
def test_half_a_configuration_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        OidcSettings.from_environment(environment)


def test_no_configuration_is_none() -> None:
    assert OidcSettings.from_environment({"KG_OIDC_ISSUER": " "}) is None
