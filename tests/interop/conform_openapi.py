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
DOCUMENT = SERVER + "/auth/openapi.json"
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
    def __init__(self, document):
        self.paths = {
            operation["operationId"]: path for path, item in document["paths"].items() for operation in item.values()
        }
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.headers = {"Origin": SERVER}

    def call(self, operation, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self.headers}
        with self.opener.open(urllib.request.Request(SERVER + self.paths[operation], data, headers)) as response:
            answer = json.load(response)
        answer = answer.get("data", answer)
        if answer.get("csrf_token"):
            self.headers["X-CSRFToken"] = answer["csrf_token"]
        if answer.get("access"):
            self.headers["Authorization"] = "Bearer " + answer["access"]
        return answer

    def conform(self, leave_out):
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)
        command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--no-color", "run"]
        command += [DOCUMENT, "--checks", ",".join(CHECKS), "--max-examples", "40", "--seed", "1"]
        command += ["--warnings", "off", "--generation-database", "none"]
        command += [f"--exclude-operation-id={name}" for name in leave_out]
        headers = {**self.headers, "Cookie": cookies}
        command += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
        subprocess.run(command, check=True)


with urllib.request.urlopen(DOCUMENT) as response:
    document = json.load(response)

visitor = Browser(document)
visitor.call("session_get")
visitor.conform([])

person = Browser(document)
person.call("session_get")
person.call("login_post", {"email": EMAIL, "password": PASSWORD})
person.conform(LEAVES)
assert person.call("session_get")["status"] == "authenticated", "the person is still logged in"
