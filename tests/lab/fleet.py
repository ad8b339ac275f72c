"""All servers of one run: started together, described for the tests, killed together."""

import json
import shutil
import signal
import sys

import api
import facts
import templates
from errors import LabError
from servers import GlanceServer, KeystoneServer, free_port

ATTEMPTS = 3


class Fleet:
    """Two Keystones and their Glances in one folder."""

    def __init__(self, folder, made, options):
        self.folder = folder
        self.made = made
        self.token_lifetime = options.token_lifetime
        self.storage_quota = options.storage_quota
        self.import_regions = options.import_regions
        self.keystones = {}
        self.glances = {}
        self.description = folder / "cloud.json"

    def start(self):
        """Starts all servers; another process may take a port first, so it tries again."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.lay_out(set())
                for server in self.servers().values():
                    server.start()
                for server in self.servers().values():
                    self.wait_until_ready(server)
                break
            except LabError:
                self.stop()
                if attempt == ATTEMPTS:
                    raise
        self.describe()

    def lay_out(self, taken):
        environment = self.made.environment
        if not facts.can_convert():
            print("lab: no qemu-img, so no region converts what it imports", file=sys.stderr)
        for one in facts.KEYSTONES:
            folder = self.fresh_copy(one.target, f"keystone-{one.target}")
            server = KeystoneServer(
                f"keystone:{one.target}", folder, environment, free_port(taken)
            )
            server.configure(self.token_lifetime)
            self.keystones[one.target] = server
        for region in facts.REGIONS:
            keystone = self.keystones[region.target]
            if region.optional and not self.import_regions:
                templates.forget(keystone.database, region.name)
                continue
            folder = self.fresh_copy("glance", f"glance-{region.target}-{region.name}")
            server = GlanceServer(region.full_name, folder, environment, free_port(taken))
            server.configure(keystone.url, region, self.storage_quota)
            self.glances[region] = server
            templates.address(keystone.database, region.placeholder, server.url)
        for server in self.keystones.values():
            templates.address(server.database, "http://keystone.invalid/v3", server.url)

    def fresh_copy(self, template, name):
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return shutil.copytree(self.made.templates / template, self.folder / name)

    def servers(self):
        everything = [*self.keystones.values(), *self.glances.values()]
        return {server.name: server for server in everything}

    def wait_until_ready(self, server):
        if server in self.keystones.values():
            api.wait_until_ready(server, server.url)
            return
        target = server.name.split(":")[0]
        password = next(one.sync_password for one in facts.KEYSTONES if one.target == target)
        login = (facts.SYNC_USER, password, facts.SYNC_PROJECT)
        token, _ = api.log_in(self.keystones[target].url, *login)
        api.wait_until_ready(server, f"{server.url}/v2/images?limit=1", token)

    def command(self, word, name):
        """Carries out one line of the control socket."""
        server = self.servers().get(name)
        if server is None:
            raise LabError(f"no server {name}")
        if word == "kill":
            server.kill()
        elif word == "start":
            server.start()
            self.wait_until_ready(server)
        elif word == "freeze":
            server.send(signal.SIGSTOP)
        elif word == "thaw":
            server.send(signal.SIGCONT)
        else:
            raise LabError(f"no such command: {word}")

    def stop(self):
        for server in self.servers().values():
            server.send(signal.SIGKILL)
        for server in self.servers().values():
            server.kill()

    def describe(self):
        """Writes the description that the tests read."""
        keystones = {one.target: self.describe_keystone(one) for one in facts.KEYSTONES}
        regions = [
            {
                "target": region.target,
                "name": region.name,
                "url": server.url,
                "images_dir": str(server.images_dir),
                "access_log": str(server.access_log),
            }
            for region, server in self.glances.items()
        ]
        description = {
            "kind": "real",
            "control": str(self.folder / "control"),
            "openstack_command": str(self.made.environment / "bin" / "openstack"),
            "converts": facts.can_convert(),
            "token_lifetime_secs": self.token_lifetime,
            "keystones": keystones,
            "regions": regions,
        }
        self.description.write_text(json.dumps(description, indent=2))

    def describe_keystone(self, one):
        server = self.keystones[one.target]
        known = json.loads((server.folder / "facts.json").read_text())
        return {
            "url": server.url,
            "access_log": str(server.access_log),
            "domain": "Default",
            "sync": {
                "user": facts.SYNC_USER,
                "password": one.sync_password,
                "project": facts.SYNC_PROJECT,
                "project_id": known["project_id"],
            },
            "publisher": {
                "user": facts.PUBLISHER_USER,
                "password": facts.PUBLISHER_PASSWORD,
                "project": facts.SYNC_PROJECT,
                "project_id": known["project_id"],
            },
            "foreign": {
                "user": facts.FOREIGN_USER,
                "password": one.foreign_password,
                "project": facts.FOREIGN_PROJECT,
                "project_id": known["foreign_project_id"],
            },
            "application_credential": known["application_credential"],
        }
