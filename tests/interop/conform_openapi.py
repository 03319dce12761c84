"""Sends drawn requests to a running server, by the OpenAPI document that it serves about itself.

Arguments: the server's address, an account's e-mail address and its password. Every answer has to be one that
the document names, with the type and the fields it names, and none may be a 5xx. The calls are tried twice: as
a visitor, and as a person who is logged in (but for the calls that would log the person out).
"""

import http.cookiejar
import json
import os
import subprocess
import sys
import urllib.request

SERVER, EMAIL, PASSWORD = sys.argv[1:]
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
LEAVES = ["logout_post", "logout-all_post", "sessions_delete", "login_post"]


class Browser:
    def __init__(self):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def call(self, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(SERVER + path, data, {"Content-Type": "application/json", **headers})
        with self.opener.open(request) as answer:
            return json.load(answer)

    def headers(self, token):
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)
        return {"Origin": SERVER, "Cookie": cookies, "X-CSRFToken": token}


def conform(headers, leave_out):
    command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--no-color", "run"]
    command += [SERVER + "/auth/openapi.json", "--checks", ",".join(CHECKS), "--max-examples", "40", "--seed", "1"]
    command += ["--warnings", "off", "--generation-database", "none"]
    command += [f"--exclude-operation-id={name}" for name in leave_out]
    command += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    subprocess.run(command, check=True)


visitor = Browser()
token = visitor.call("/auth/session")["csrf_token"]
conform(visitor.headers(token), [])

person = Browser()
token = person.call("/auth/session")["csrf_token"]
login = person.call("/auth/login", {"email": EMAIL, "password": PASSWORD}, **{"X-CSRFToken": token, "Origin": SERVER})
assert login["status"] == "authenticated", login
conform(person.headers(login["csrf_token"]), LEAVES)
assert person.call("/auth/session")["status"] == "authenticated", "the person is still logged in"
