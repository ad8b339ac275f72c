"""Requests to Keystone and Glance, as few as the lab itself needs."""

import json
import time
import urllib.error
import urllib.request

from errors import LabError

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
READY_SECS = 120


def request(method, url, body=None, token=None, timeout=30):
    """The status, the headers and the body of an answer; OSError when there is none."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["X-Auth-Token"] = token
    data = json.dumps(body).encode() if body is not None else None
    asked = urllib.request.Request(url, data, headers, method=method)
    try:
        with OPENER.open(asked, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def call(method, url, body=None, token=None):
    status, _, content = request(method, url, body, token)
    if status >= 300:
        raise LabError(f"{method} {url}: {status} {content.decode(errors='replace')}")
    return json.loads(content) if content else {}


def log_in(keystone_url, user, password, project):
    domain = {"name": "Default"}
    body = {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user, "password": password, "domain": domain}},
            },
            "scope": {"project": {"name": project, "domain": domain}},
        }
    }
    status, headers, content = request("POST", f"{keystone_url}/auth/tokens", body)
    if status != 201:
        raise LabError(f"log in to {keystone_url}: {status} {content.decode(errors='replace')}")
    return headers["X-Subject-Token"], json.loads(content)["token"]


def wait_until_ready(server, url, token=None):
    """Polls until the server answers 200, and gives up when its process has ended."""
    deadline = time.monotonic() + READY_SECS
    last = "nothing yet"
    while time.monotonic() < deadline:
        if server.ended():
            raise LabError(f"{server.name} ended while starting:\n{server.log_tail()}")
        try:
            status, _, content = request("GET", url, token=token, timeout=10)
            if status == 200:
                return
            last = f"{status} {content.decode(errors='replace')}"
        except OSError as error:
            last = str(error)
        time.sleep(0.05)
    raise LabError(f"{server.name} is not ready: {last}\n{server.log_tail()}")
