"""Verifies access tokens as a resource server in Python would: with PyJWT and the published keys.

usage: verify_pyjwt.py JWKS_URL ISSUER AUDIENCE < tokens, one to a line

Prints `ok kid=...` for each token that is right. Exits with 1 if one is not, or if there is none.
"""

import sys

import jwt

CLAIMS = ["iss", "aud", "sub", "exp", "iat", "jti"]


def verify(token, keys, issuer, audience):
    """Answers the key id of a token that is right in every respect."""
    key = keys.get_signing_key_from_jwt(token)
    decoded = jwt.decode_complete(
        token,
        key.key,
        algorithms=["ES256"],
        issuer=issuer,
        audience=audience,
        options={"require": CLAIMS},
    )
    header = decoded["header"]
    if header.get("typ") != "at+jwt":
        raise jwt.InvalidTokenError(f"typ is {header.get('typ')!r}, not 'at+jwt'")
    return header["kid"]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    jwks_url, issuer, audience = sys.argv[1:]
    keys = jwt.PyJWKClient(jwks_url)
    tokens = [line.strip() for line in sys.stdin if line.strip()]
    failed = 0
    for number, token in enumerate(tokens, start=1):
        try:
            print(f"ok kid={verify(token, keys, issuer, audience)}")
        except jwt.PyJWTError as error:
            failed += 1
            print(f"token {number}: {type(error).__name__}: {error}", file=sys.stderr)
    if not tokens:
        sys.exit("no token came in")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
