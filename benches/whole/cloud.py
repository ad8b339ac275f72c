"""A Keystone and any number of Glances that cost next to nothing: lists are bytes made before the
first request, uploads are read and thrown away, and content comes out of a file. Both sides of every comparison talk to it.

Started as a process of its own, so that its time counts for nobody; prints its port. What it has
seen is asked for at /bench/seen, as JSON, and forgotten then.
"""

import argparse
import json
import re
import socket
import ssl
import sys
import threading
import time
import uuid

PAGE = 1000
PROJECT = "3f1c9f7e5b0d4a6c8e2b7d9a1c3e5f70"


def image_id(number):
    """The id of an image that is no file's."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"image-{number}"))


def image(number, options):
    """An image as Glance 33 lists it."""
    place = options.id if options.id and number == 0 else image_id(number)
    size, checksum = options.size, options.checksum
    disk_format = "qcow2" if options.raw_size else "raw"
    return {
        "os_version": "22.04", "hw_disk_bus": "virtio", "nid": str(number), "type": "baseimage",
        "name": f"base_image_of_the_fleet_{number}", "disk_format": disk_format,
        "container_format": "bare", "visibility": "public", "size": size,
        "virtual_size": options.raw_size or size,
        "status": "active", "checksum": checksum, "protected": False, "min_ram": 512,
        "min_disk": 10, "owner": PROJECT, "os_hidden": False, "os_hash_algo": "sha512",
        "os_hash_value": options.hash or (checksum * 4), "id": place, "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z", "tags": [], "self": f"/v2/images/{place}",
        "file": f"/v2/images/{place}/file", "schema": "/v2/schemas/image", "stores": "local",
    }


def pages(images):
    """The bodies of a list's pages, by the marker that asks for them."""
    bodies = {}
    for start in range(0, max(len(images), 1), PAGE):
        part = images[start:start + PAGE]
        page = {"images": part, "first": "/v2/images", "schema": "/v2/schemas/images"}
        if start + PAGE < len(images):
            page["next"] = f"/v2/images?limit={PAGE}&marker={part[-1]['id']}"
        marker = images[start - 1]["id"] if start else ""
        bodies[marker] = json.dumps(page).encode()
    return bodies


class Cloud:
    """What the servers know."""

    def __init__(self, options):
        self.options = options
        self.images = [image(number, options) for number in range(options.images)]
        self.full = pages(self.images)
        self.empty = pages([])
        self.made = {}
        self.lock = threading.Lock()
        self.seen = {}
        self.first = None
        self.flow = []
        self.bytes_read = 0
        self.scheme = "https" if options.certificate else "http"
        self.port = None

    def catalogue(self):
        """A token's body."""
        regions = ["Master"] + [f"Region{i:04}" for i in range(self.options.regions)]
        where = f"{self.scheme}://127.0.0.1:{self.port}"
        endpoints = [
            {"region_id": name, "interface": "public", "url": f"{where}/{name}"} for name in regions
        ]
        hour = "2099-01-01T00:00:00.000000Z"
        return json.dumps({"token": {
            "project": {"id": PROJECT, "name": "images"}, "user": {"id": "u", "name": "sync"},
            "roles": [{"name": "admin"}], "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": hour, "catalog": [{"type": "image", "endpoints": endpoints}],
        }}).encode()

    def count(self, what):
        with self.lock:
            self.first = self.first or time.monotonic()
            self.seen[what] = self.seen.get(what, 0) + 1

    def take_seen(self):
        with self.lock:
            seen = {"requests": self.seen, "first": self.first, "flow": self.flow,
                    "bytes_read": self.bytes_read}
            self.seen, self.first, self.flow, self.made = {}, None, [], {}
            self.bytes_read = 0
        return json.dumps(seen).encode()

    def answer(self, method, target, body):
        """Status and body for a request whose content is no image's."""
        if target == "/bench/seen":
            return 200, self.take_seen()
        path, _, query = target.partition("?")
        region = path.split("/")[1]
        self.count(f"{method} {region}")
        if path == "/v3/auth/tokens":
            return 201, self.catalogue()
        if method == "POST":
            wanted = json.loads(body)
            with self.lock:
                self.made[wanted["id"]] = wanted
            return 201, json.dumps({**wanted, "status": "queued", "owner": PROJECT}).encode()
        one = re.fullmatch(r"/\w+/v2/images/([^/]+)", path)
        if one:
            made = self.made.get(one[1], {})
            hashes = {"os_hash_algo": "sha512", "os_hash_value": self.options.raw_hash}
            return 200, json.dumps({**made, "status": "active", "owner": PROJECT,
                                    **(hashes if self.options.raw_hash else {}),
                                    "size": self.options.raw_size or self.options.size,
                                    "checksum": self.options.raw_checksum
                                    or self.options.checksum}).encode()
        marker = re.search(r"marker=([^&]+)", query)
        if "os_hidden" in query:
            return 200, self.empty[""]
        lists = self.full if region == "Master" or self.options.in_step else self.empty
        return 200, lists[marker[1] if marker else ""]


class Connection(threading.Thread):
    """One connection: requests one after another."""

    def __init__(self, cloud, stream):
        super().__init__(daemon=True)
        self.cloud, self.stream = cloud, stream
        self.rest = b""

    def run(self):
        try:
            if self.cloud.options.certificate:
                self.stream = self.cloud.tls.wrap_socket(self.stream, server_side=True)
            while self.serve():
                pass
        except OSError:
            pass
        finally:
            self.stream.close()

    def serve(self):
        while b"\r\n\r\n" not in self.rest:
            more = self.stream.recv(65536)
            if not more:
                return False
            self.rest += more
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if "expect" in headers:
            self.stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if method == "PUT":
            self.cloud.count(f"PUT {target.split('/')[1]}")
            if not self.discard(length):
                return False
            self.stream.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return True
        if method == "GET" and target.endswith("/file"):
            self.cloud.count(f"GET {target.split('/')[1]}")
            self.give(headers.get("range"))
            return True
        while len(self.rest) < length:
            more = self.stream.recv(65536)
            if not more:
                return False
            self.rest += more
        body, self.rest = self.rest[:length], self.rest[length:]
        status, answer = self.cloud.answer(method, target, body)
        self.stream.sendall(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nX-Subject-Token: t\r\n"
            f"Content-Length: {len(answer)}\r\n\r\n".encode())
        self.stream.sendall(answer)
        return True

    def give(self, part):
        """Sends the image's content, or what is left of it from the first byte of a range on."""
        size = self.cloud.options.size
        first = int(re.match(r"bytes=(\d+)-", part)[1]) if part else 0
        status = f"206 X\r\nContent-Range: bytes {first}-{size - 1}/{size}" if part else "200 X"
        self.stream.sendall(
            f"HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {size - first}\r\n\r\n".encode())
        with open(self.cloud.options.content, "rb") as file:
            try:
                self.stream.sendfile(file, first)
            finally:
                # However far it came.
                with self.cloud.lock:
                    self.cloud.bytes_read += file.tell() - first

    def discard(self, length):
        length -= len(self.rest)
        self.rest = b""
        buffer = bytearray(1 << 20)
        flow = [] if self.cloud.options.watch_flow else None
        while length > 0:
            count = self.stream.recv_into(buffer, min(length, len(buffer)))
            if count == 0:
                return False
            length -= count
            if flow is not None:
                flow.append((time.monotonic(), count))
        if flow is not None:
            with self.cloud.lock:
                self.cloud.flow.append(flow)
        return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--regions", type=int, default=1)
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--id")
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--checksum", default="d41d8cd98f00b204e9800998ecf8427e")
    parser.add_argument("--hash", help="sha512 of the first image")
    parser.add_argument("--raw-size", type=int, help="of the first image, a qcow2, expanded")
    parser.add_argument("--raw-checksum")
    parser.add_argument("--raw-hash", help="by SHA-512")
    parser.add_argument("--content", help="a file with the content of the first image")
    parser.add_argument("--in-step", action="store_true")
    parser.add_argument("--watch-flow", action="store_true")
    parser.add_argument("--certificate")
    options = parser.parse_args()
    cloud = Cloud(options)
    if options.certificate:
        cloud.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cloud.tls.load_cert_chain(options.certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    cloud.port = listener.getsockname()[1]
    print(cloud.port, flush=True)
    # Ends with whoever started it.
    threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)),
                     daemon=True).start()
    while True:
        stream, _ = listener.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Connection(cloud, stream).start()


if __name__ == "__main__":
    main()
