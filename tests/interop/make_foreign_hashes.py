"""Makes the password hashes of `foreign_hashes.jsonl` with the libraries that other systems use.

usage: make_foreign_hashes.py > foreign_hashes.jsonl

Needs django, argon2-cffi and bcrypt (PyPI); every hash is of the library's own defaults unless its name says
otherwise. One JSON object a line: what it is, the password, and the hash as a database of theirs holds it.
"""

import json

import argon2
import bcrypt
import django
from django.conf import settings

HASHERS = ["PBKDF2PasswordHasher", "Argon2PasswordHasher", "BCryptPasswordHasher", "BCryptSHA256PasswordHasher"]
PASSWORD = "correct horse battery staple"
# Not in normal form C: an e and an accent.
DECOMPOSED = "cafe\u0301 au lait, s'il vous plai\u0302t"


def line(what, password, hash):
    print(json.dumps({"what": what, "password": password, "hash": hash}))


def main():
    settings.configure(PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}" for name in HASHERS])
    django.setup()
    from django.contrib.auth.hashers import make_password

    for hasher in ["pbkdf2_sha256", "argon2", "bcrypt", "bcrypt_sha256"]:
        line(f"django {django.__version__} {hasher}", PASSWORD, make_password(PASSWORD, hasher=hasher))
    line("django pbkdf2_sha256, decomposed", DECOMPOSED, make_password(DECOMPOSED, hasher="pbkdf2_sha256"))
    line("django bcrypt_sha256, 100 characters", "x" * 100, make_password("x" * 100, hasher="bcrypt_sha256"))

    encoded = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt()).decode()
    line(f"bcrypt {bcrypt.__version__}", PASSWORD, encoded)
    line("bcrypt as 2a", PASSWORD, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10, prefix=b"2a")).decode())
    # PHP writes the same algorithm as 2y.
    line("bcrypt as 2y", PASSWORD, encoded.replace("$2b$", "$2y$"))

    line("argon2-cffi", PASSWORD, argon2.PasswordHasher().hash(PASSWORD))
    for kind in argon2.Type:
        hasher = argon2.PasswordHasher(time_cost=3, memory_cost=4096, parallelism=1, hash_len=24, type=kind)
        line(f"argon2-cffi {kind.name}, small", PASSWORD, hasher.hash(PASSWORD))


main()
