"""One Keystone or Glance: its folder, its configuration, its uWSGI process."""

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import facts
from errors import LabError

HERE = Path(__file__).resolve().parent
POLICY = HERE.parents[1] / "conf" / "glance-policy.yaml"
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

# Below the ephemeral ports of Linux, so that no connection takes one while its server is down.
PORTS = range(20000, 32000)

# What a deployment ships as schema-image.json: a UUID or null for kernel and ramdisk.
UUID_PATTERN = "^([0-9a-fA-F]){8}(-([0-9a-fA-F]){4}){3}-([0-9a-fA-F]){12}$"
UUID_OR_NULL = f'{{"type": ["null", "string"], "pattern": "{UUID_PATTERN}"}}'
STRICT_SCHEMA = f'{{"kernel_id": {UUID_OR_NULL}, "ramdisk_id": {UUID_OR_NULL}}}\n'


def die_with_parent(number):
    """Has the kernel send this signal to the calling process when its parent dies."""
    LIBC.prctl(PR_SET_PDEATHSIG, number)


def free_port(taken):
    for port in random.sample(PORTS, len(PORTS)):
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise LabError("no free port")


def clean_environment(**more):
    """The servers see neither the caller's cloud nor its proxies."""
    kept = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **more}


def database(path):
    return f"sqlite:///{path}?timeout=60"


class Server:
    """A uWSGI process that serves one application from one folder."""

    application = ""
    config_variable = ""

    def __init__(self, name, folder, environment, port):
        self.name = name
        self.folder = folder
        self.environment = environment
        self.port = port
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def access_log(self):
        return self.folder / "access.log"

    def start(self):
        if self.process and self.process.poll() is None:
            return
        words = [self.environment / "bin" / "uwsgi", "--http-socket", f"127.0.0.1:{self.port}"]
        words += ["--wsgi-file", HERE / "wsgi.py", "--threads", "8", "--need-app"]
        words += ["--die-on-term", "--buffer-size", "65535", "--add-header", "Connection: close"]
        words += ["--chunked-input-limit", str(64 << 20), "--chunked-input-timeout", "30"]
        words += ["--socket-timeout", "30", "--disable-logging"]
        more = {
            "LAB_APPLICATION": self.application,
            "LAB_ACCESS_LOG": str(self.access_log),
            "LAB_PYTHON": str(self.environment / "bin" / "python"),
            self.config_variable: str(self.folder),
        }
        self.access_log.touch()
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                words,
                cwd=self.folder,
                env=clean_environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )

    def send(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def ended(self):
        return self.process.poll() is not None

    def log_tail(self):
        return "\n".join((self.folder / "server.log").read_text().splitlines()[-30:])

    def manage(self, *words):
        """Runs the service's own administration command."""
        done = subprocess.run(
            [self.environment / "bin" / words[0], *words[1:]],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise LabError(f"{' '.join(map(str, words))}: {done.stdout}")


class KeystoneServer(Server):
    """A Keystone of the fleet."""

    application = "keystone.wsgi.api"
    config_variable = "OS_KEYSTONE_CONFIG_DIR"

    @property
    def url(self):
        return f"{super().url}/v3"

    @property
    def database(self):
        return self.folder / "keystone.sqlite"

    def configure(self, token_lifetime=3600):
        (self.folder / "keystone.conf").write_text(f"""\
[DEFAULT]
use_stderr = true
[database]
connection = {database(self.database)}
[token]
expiration = {token_lifetime}
[fernet_tokens]
key_repository = {self.folder / "fernet"}
[fernet_receipts]
key_repository = {self.folder / "fernet"}
[credential]
key_repository = {self.folder / "credential"}
[identity]
password_hash_rounds = 4
[oslo_policy]
policy_file = {self.folder / "policy.yaml"}
""")


class GlanceServer(Server):
    """A Glance of the fleet: one region."""

    application = "glance.wsgi.api"
    config_variable = "OS_GLANCE_CONFIG_DIR"

    @property
    def database(self):
        return self.folder / "glance.sqlite"

    @property
    def images_dir(self):
        return self.folder / "images"

    def configure(self, keystone_url, region, storage_quota="0"):
        for name in (*region.stores, "staging", "tasks"):
            self.store_dir(name).mkdir(exist_ok=True)
        if region.strict_schema:
            (self.folder / "schema-image.json").write_text(STRICT_SCHEMA)
        refusal = '"upload_image": "!"\n' if region.import_only else ""
        (self.folder / "policy.yaml").write_text(POLICY.read_text() + refusal)
        paste = self.folder / "glance-api-paste.ini"
        shutil.copy(self.environment / "etc" / "glance" / paste.name, paste)
        methods = "[glance-direct,glance-download]" if region.imports else "[]"
        backends = ",".join(f"{store}:file" for store in region.stores)
        (self.folder / "glance-api.conf").write_text(f"""\
[DEFAULT]
use_stderr = true
enabled_backends = {backends}
enabled_import_methods = {methods}
user_storage_quota = {storage_quota}
use_keystone_limits = {bool(region.limits)}
worker_self_reference_url = {self.url}
[glance_store]
default_backend = {region.stores[0]}
[os_glance_staging_store]
filesystem_store_datadir = {self.folder / "staging"}
[os_glance_tasks_store]
filesystem_store_datadir = {self.folder / "tasks"}
[database]
connection = {database(self.database)}
[paste_deploy]
flavor = keystone
config_file = {paste}
[keystone_authtoken]
auth_type = password
auth_url = {keystone_url}
www_authenticate_uri = {keystone_url}
username = {facts.SERVICE_USER}
password = {facts.SERVICE_PASSWORD}
project_name = {facts.SERVICE_PROJECT}
user_domain_name = Default
project_domain_name = Default
service_type = image
[oslo_limit]
auth_type = password
auth_url = {keystone_url}
username = {facts.SERVICE_USER}
password = {facts.SERVICE_PASSWORD}
user_domain_name = Default
system_scope = all
endpoint_service_type = image
endpoint_region_name = {region.name}
endpoint_interface = public
[oslo_concurrency]
lock_path = {self.folder}
[oslo_policy]
policy_file = {self.folder / "policy.yaml"}
{self.store_sections(region)}""")
        self.configure_imports(region)

    def store_sections(self, region):
        line = "[{}]\nfilesystem_store_datadir = {}\n"
        return "".join(line.format(store, self.store_dir(store)) for store in region.stores)

    def store_dir(self, store):
        return self.images_dir if store == "local" else self.folder / store

    def configure_imports(self, region):
        """What is done to imported images, and that regions on loopback may be pulled from."""
        plugins = ["image_conversion"] if region.converts and facts.can_convert() else []
        plugins += ["inject_image_metadata"] if region.injects else []
        (self.folder / "glance-image-import.conf").write_text(f"""\
[image_import_opts]
image_import_plugins = {json.dumps(plugins)}
[image_conversion]
output_format = raw
[inject_metadata_properties]
ignore_user_roles = nobody
inject = {",".join(region.injects)}
[import_filtering_opts]
allowed_hosts = [127.0.0.1]
allowed_ports = []
""")
