"""An OpenID Connect issuer on loopback: discovery, published keys, signed tokens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["UNSIGNED", "RealIssuer", "issuing"]

UNSIGNED = "no key at all"


@dataclass
class RealIssuer:
    """An OpenID Connect issuer on loopback: discovery, published keys, signed tokens."""

    url: str = ""
    fetches: int = 0
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)

    def turn(self, kid: str) -> None:
        """Publish one more key."""
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, kid: str = "k1", key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """A token of this issuer for `homologate`, with other claims where given; None takes a claim away."""
        now = int(time.time())
        told = {"iss": self.url, "aud": "homologate", "sub": "ada", "exp": now + 300, "iat": now} | claims
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(
            kept, None if key is UNSIGNED else key or self.keys[kid], algorithm=algorithm, headers={"kid": kid}
        )

    def page(self, path: str) -> Any:
        """What GET answers."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.fetches += 1
        return {
            "keys": [
                {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
                for kid, key in self.keys.items()
            ]
        }


@contextmanager
def issuing() -> Iterator[RealIssuer]:
    """A running issuer with one key."""
    made = RealIssuer()
    made.turn("k1")

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(made.page(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as http:
        made.url = f"http://127.0.0.1:{http.server_address[1]}"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield made
        http.shutdown()
