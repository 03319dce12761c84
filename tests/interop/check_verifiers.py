"""Checks the verifiers themselves: each accepts a good token and refuses every bad one.

A verifier that accepts everything would make every test that uses it pass. Both verifiers are asked about
tokens made here, signed by keys that a small server publishes. PERENNIAL_NODE names the Node to use.
"""

import base64
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

HERE = pathlib.Path(__file__).parent
ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"
VERIFIERS = {
    "pyjwt": [sys.executable, str(HERE / "verify_pyjwt.py")],
    "jose": [os.environ["PERENNIAL_NODE"], str(HERE / "verify_jose.mjs")],
}

KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def published(key, kid):
    point = key.public_key().public_numbers()
    number = lambda value: base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=").decode()
    return {"kty": "EC", "crv": "P-256", "x": number(point.x), "y": number(point.y), "kid": kid, "use": "sig", "alg": "ES256"}


def token(key=KEY, alg="ES256", typ="at+jwt", kid="one", **changes):
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 60, "jti": "1", **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers={"typ": typ, "kid": kid})


def forged():
    """The good token's signature under other claims."""
    head, _, signature = token().split(".")
    return ".".join([head, token(sub="eve").split(".")[1], signature])


GOOD = {"a good token": lambda: token()}
BAD = {
    "an ID token": lambda: token(typ="JWT"),
    "a token of another issuer": lambda: token(iss="https://evil.example.com"),
    "a token for another audience": lambda: token(aud="https://other.example.com"),
    "a token that is over": lambda: token(iat=1, exp=2),
    "a token that never ends": lambda: token(exp=None),
    "a token without a subject": lambda: token(sub=None),
    "a token of an unknown key": lambda: token(kid="two"),
    "a token signed by another key": lambda: token(key=OTHER_KEY),
    "a token signed with a shared secret": lambda: token(key="a secret of more than thirty-two bytes", alg="HS256"),
    "a token without a signature": lambda: token(key=None, alg="none"),
    "a token whose claims were changed": forged,
    "nothing": lambda: "",
}


class Keys(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"keys": [published(KEY, "one")]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/jwk-set+json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/jwks.json"

    def accepts(verifier, text):
        words = [*VERIFIERS[verifier], url, ISSUER, AUDIENCE]
        done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=30)
        said = done.stdout.split()
        if done.returncode == 0 and said != ["ok", "kid=one"]:
            raise SystemExit(f"{verifier} exits with 0 and says {done.stdout!r}")
        if done.returncode != 0 and not done.stderr.strip():
            raise SystemExit(f"{verifier} refuses without a reason")
        return done.returncode == 0

    wrong = []
    for verifier in VERIFIERS:
        wrong += [f"{verifier} refuses {name}" for name, make in GOOD.items() if not accepts(verifier, make())]
        wrong += [f"{verifier} accepts {name}" for name, make in BAD.items() if accepts(verifier, make())]
        print(f"{verifier}: {len(GOOD)} good and {len(BAD)} bad inputs")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
