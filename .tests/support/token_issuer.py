"""An identity provider: signs JSON web tokens, and serves the key that they are checked with."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey


class Issuer:
    """Signs tokens, and serves the key that they can be checked with."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "one"})
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys = {"keys": [issuer._key.as_dict(private=False)]}
                found = keys if self.path == "/keys" else {"jwks_uri": f"{issuer.url}/keys"}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self, key: RSAKey | None = None, **claims: Any) -> str:
        given = {"iss": self.url, "aud": "shop", "exp": int(time.time()) + 60} | claims
        return jwt.encode({"alg": "RS256", "kid": "one"}, given, key or self._key)

    def close(self) -> None:
        self._server.shutdown()
