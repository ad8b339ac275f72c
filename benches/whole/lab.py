"""The fleet of real Keystones and Glances of `tests/lab`, for as long as it is needed."""

import base64
import hashlib
import json
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

from measure import run

LAB = Path(__file__).resolve().parents[2] / "tests" / "lab" / "lab.py"


class Lab:
    """A master and its regions behind one Keystone, which `cloud` describes."""

    def __init__(self, bench):
        self.bench = bench
        words = [sys.executable, LAB, "run", "--import-regions", "--",
                 "sh", "-c", "echo $GLANCESYNC_TEST_CLOUD; cat"]
        self.child = subprocess.Popen(words, text=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self.cloud = json.loads(Path(self.child.stdout.readline().strip()).read_text())
        regions = [one for one in self.cloud["regions"] if one["target"] == "master"]
        self.glances = {one["name"]: one["url"] for one in regions}
        self.master, self.images = regions[0]["name"], regions[0]["images_dir"]
        self.keystone = self.cloud["keystones"]["master"]
        self.token = self.log_in()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait()

    def log_in(self):
        domain = {"name": self.keystone["domain"]}
        sync = self.keystone["sync"]
        user = {"name": sync["user"], "password": sync["password"], "domain": domain}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}},
                         "scope": {"project": {"name": sync["project"], "domain": domain}}}}
        request = urllib.request.Request(
            f"{self.keystone['url']}/auth/tokens", json.dumps(body).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return answer.headers["X-Subject-Token"]

    def call(self, method, region, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        headers = {"X-Auth-Token": self.token, "Content-Type": "application/json"}
        request = urllib.request.Request(self.glances[region] + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def clear(self, *regions):
        """Removes every image of the regions."""
        for region in regions:
            for image in self.call("GET", region, "/v2/images?limit=1000")["images"]:
                self.call("DELETE", region, f"/v2/images/{image['id']}")

    def create(self, region, name, disk_format="raw"):
        """An image without content; its id."""
        body = {"name": name, "disk_format": disk_format, "container_format": "bare",
                "visibility": "public"}
        return self.call("POST", region, "/v2/images", body)["id"]

    def curl(self, region, *words):
        """curl, which sends to a new image of the region. Without `Expect`, for which it would wait a second
        in vain."""
        place = self.create(region, "by-hand")
        return ["curl", "-sSf", "-o", "/dev/null", "-H", "Expect:", "-H", f"X-Auth-Token: {self.token}",
                "-H", "Content-Type: application/octet-stream",
                f"{self.glances[region]}/v2/images/{place}/file", *words]

    def fill(self, path, disk_format="raw"):
        """Makes the file an image of the master."""
        place = self.create(self.master, path.name, disk_format)
        headers = {"X-Auth-Token": self.token, "Content-Type": "application/octet-stream",
                   "Content-Length": str(path.stat().st_size)}
        url = f"{self.glances[self.master]}/v2/images/{place}/file"
        with open(path, "rb") as file:
            urllib.request.urlopen(urllib.request.Request(url, file, headers, method="PUT")).close()

    def ours(self, regions, *settings):
        """A run of the program for regions that have nothing, as one side of a comparison."""
        sync = self.keystone["sync"]
        password = base64.b64encode(sync["password"].encode()).decode()
        config = self.bench.folder / f"lab-{hashlib.md5(repr(settings).encode()).hexdigest()}.conf"
        config.write_text("\n".join([
            "[main]", f"master_region = {self.master}", f"images_dir = {self.images}",
            f"log_dir = {self.bench.folder}/logs", "[master]",
            f"credential = {sync['user']},{password},{self.keystone['url']},{sync['project']}",
            *settings, ""]))
        config.chmod(0o600)
        (self.bench.folder / "logs").mkdir(exist_ok=True)
        command = [self.bench.program, "--config-file", str(config), "--parallel", *regions]
        return self.anew(regions, lambda: partial(run, command, environment=self.bench.environment))

    def by_hand(self, regions, commands):
        """What `commands()` gives, run at once, for regions that have nothing."""
        return self.anew(regions, lambda: partial(run, *commands()))

    def anew(self, regions, side):
        def once(**options):
            self.clear(*regions)
            return side()(**options)
        return once
