"""What is measured of the whole program. Each function yields rows of a table."""

import configparser
import hashlib
import json
import os
import pty
import subprocess
import threading
import urllib.request
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measure import Server, in_turn, run

MIB = 1 << 20
GIB = 1 << 30


@dataclass
class Row:
    """A line of the table: what, against what, and how it compares."""

    what: str
    ours: str
    peer: str
    ratio: str
    bound: str


class Bench:
    """The program, and a folder for all that it needs."""

    def __init__(self, program, fleet, expansion, folder, rounds):
        self.program, self.fleet, self.expansion = str(program), str(fleet), str(expansion)
        self.folder, self.rounds = Path(folder), rounds
        self.images = self.folder / "images"
        self.images.mkdir()
        self.certificate = self.folder / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
             "-keyout",
             self.folder / "key.pem", "-out", self.folder / "cert.pem"],
            check=True, capture_output=True)
        text = (self.folder / "cert.pem").read_text() + (self.folder / "key.pem").read_text()
        self.certificate.write_text(text)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder),
                            "XDG_STATE_HOME": str(self.folder / "state")}

    def command(self, server, *words):
        """The program against a server."""
        config = self.folder / "glancesync.conf"
        trust = f"cacert = {self.folder}/cert.pem\n" if server.scheme == "https" else ""
        config.write_text(
            f"[main]\nmaster_region = Master\nimages_dir = {self.images}\n"
            f"log_dir = {self.folder}/logs\nmax_children = 16\n"
            f"[master]\nuser = sync\npassword = secret\nkeystone_url = {server.url}/v3\n"
            f"tenant = images\n{trust}")
        config.chmod(0o600)
        (self.folder / "logs").mkdir(exist_ok=True)
        return [self.program, "--config-file", str(config), *words]

    def ours(self, server, *words, output=None):
        """A run of the program as one side of a comparison."""
        command = self.command(server, *words)
        return partial(run, command, environment=self.environment, output=output)

    def content(self, size):
        """An image of that size: its file, id and checksum."""
        block = os.urandom(min(size, MIB))
        place = str(uuid.uuid4())
        path, digest, left = self.images / place, hashlib.md5(), size
        with open(path, "wb") as file:
            while left > 0:
                part = block[:left]
                file.write(part)
                digest.update(part)
                left -= len(part)
        return {"id": place, "size": size, "checksum": digest.hexdigest()}, path

    def real(self, folder):
        """The largest image of a real folder, as `content` gives one."""
        files = [path for path in Path(folder).iterdir() if is_uuid(path.name)]
        path = max(files, key=lambda path: path.stat().st_size)
        with open(path, "rb") as file:
            checksum = hashlib.file_digest(file, "md5").hexdigest()
        (self.images / path.name).symlink_to(path)
        return {"id": path.name, "size": path.stat().st_size, "checksum": checksum}, path


def is_uuid(name):
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def curl(server, path, region=0):
    """curl, sending the file to where the program would send it."""
    return ["curl", "-sSk", "-o", "/dev/null", "-T", str(path),
            f"{server.url}/Region{region:04}/v2/images/x/file"]


def seconds(value):
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def size_of(size):
    return f"{size / GIB:.3g} GiB" if size >= GIB else f"{size / MIB:.3g} MiB"


def uploads(bench):
    """One image to one region, and to four at once."""
    real = os.environ.get("GLANCESYNC_BENCH_IMAGES")
    contents = [bench.real(real)] if real else [bench.content(n) for n in (MIB, 64 * MIB, GIB)]
    for content, path in contents:
        yield from upload(bench, content, path, 1)
    yield from upload(bench, *contents[-1], 4)
    for regions in (1, 4):
        yield from upload(bench, *contents[-1], regions, certificate=bench.certificate)
    yield from watching(bench, *contents[-1])
    for _, path in contents:
        (bench.images / path.name).unlink()


def upload(bench, content, path, regions, certificate=None):
    with Server(regions=regions, certificate=certificate, **content) as server:
        words = ["--parallel", "--max-children", str(regions)] if regions > 1 else []
        commands = [curl(server, path, region) for region in range(regions)]
        ours, peer = in_turn(bench.rounds, bench.ours(server, *words), partial(run, *commands))
    what = f"{size_of(content['size'])}{' over TLS' if certificate else ''}"
    if regions > 1:
        what = f"{regions} regions at once, {regions} × {what}"
    peer_name = "`curl -T`" if regions == 1 else f"{regions} × `curl -T`"
    bounded = content["size"] >= GIB and (regions == 1 or not certificate)
    wall, cpu = ("0.85", "1.0") if certificate else ("1.0", "1.2")
    yield Row(f"{what}: wall", seconds(ours.wall), f"{peer_name} {seconds(peer.wall)}",
              f"{ours.wall / peer.wall:.2f}", wall if bounded else "–")
    yield Row(f"{what}: user + system CPU", seconds(ours.cpu), f"{peer_name} {seconds(peer.cpu)}",
              f"{ours.cpu / peer.cpu:.2f}", cpu if bounded and regions == 1 else "–")
    if content["size"] >= GIB:
        yield Row(f"{what}: peak memory", f"{ours.peak / MIB:.1f} MiB",
                  f"{peer_name} {peer.peak / MIB:.1f} MiB", "–",
                  "48 MiB" if regions == 1 and not certificate else "–")


def watching(bench, content, path):
    """What bars and logs cost an upload."""
    with Server(regions=1, **content) as server:
        words = ["--parallel"]
        loud, quiet = in_turn(2 * bench.rounds + 1, partial(on_terminal, bench, server, words),
                              bench.ours(server, *words, "-q", "--no-progress"))
    yield Row("bars on a terminal and a region's log, of the CPU of an upload", seconds(loud.cpu),
              f"without {seconds(quiet.cpu)}", f"{loud.cpu / quiet.cpu - 1:+.1%}", "1 %")


def on_terminal(bench, server, words, **options):
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=drain, args=(ours,), daemon=True)
    reader.start()
    try:
        name = os.ttyname(theirs)
        environment = {**bench.environment, "TERM": "xterm-256color"}
        command = ["sh", "-c", f'exec "$@" 2>{name}', "sh", *bench.command(server, *words)]
        return run(command, environment=environment, **options)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def fetches(bench):
    """One image from the master's Glance to several regions."""
    content, path = bench.content(GIB)
    source = ["main.source=glance", f"main.spool_dir={bench.folder}/spool"]
    rounds = min(bench.rounds, 3)
    for regions in (1, 4, 16):
        with Server(regions=regions, content=path, **content) as server:
            words = ["--parallel", "--max-children", str(regions)]
            side = bench.ours(server, *words, "--config", *source)
            ours, peer = in_turn(rounds, side, partial(run, tee(bench, server, content, regions)))
            server.seen()
            side()
            seen = server.seen()
        plural = "region" if regions == 1 else "regions"
        what = f"1 GiB from Glance to {regions} {plural}"
        yield Row(f"{what}: wall", seconds(ours.wall), f"`curl`, `tee` {seconds(peer.wall)}",
                  f"{ours.wall / peer.wall:.2f}", "1.0")
        yield Row(f"{what}: user + system CPU", seconds(ours.cpu),
                  f"`curl`, `tee` {seconds(peer.cpu)}", f"{ours.cpu / peer.cpu:.2f}", "–")
        yield Row(f"{what}: peak memory", f"{ours.peak / MIB:.1f} MiB", "–", "–",
                  f"{64 + regions} MiB")
        requests = seen["requests"]["GET Master"] - 1
        yield Row(f"{what}: read from the master",
                  f"{seen['bytes_read'] / GIB:.2f} GiB in {requests} request", "–", "–", "1 GiB")
    path.unlink()


def tee(bench, server, content, regions):
    """curl from the master into as many curls as there are regions."""
    pipes = []
    for region in range(regions):
        pipe = bench.folder / f"pipe-{regions}-{region}"
        os.mkfifo(pipe)
        pipes.append(pipe)
    sends = [
        f"curl -sSf -o /dev/null -H 'Transfer-Encoding:' -H 'Content-Length: {content['size']}' "
        f"-T {pipe} {server.url}/Region{region:04}/v2/images/x/file & all=\"$all $!\""
        for region, pipe in enumerate(pipes)
    ]
    fetch = f"curl -sSf {server.url}/Master/v2/images/{content['id']}/file"
    copy = " ".join(map(str, pipes[:-1]))
    # The others would wait for what a fetch that broke off did not bring.
    fetch = f"{{ {fetch} || kill $all; }}"
    wait = "for one in $all; do wait $one || exit 1; done"
    return ["sh", "-c", "\n".join([*sends, f"{fetch} | tee {copy} > {pipes[-1]}", wait])]


def expansions(bench):
    """A qcow2 expanded to raw, against `qemu-img`: thrown away, and hashed."""
    disk = bench.folder / "disk"
    fill(disk)
    image, raw = bench.images / str(uuid.uuid4()), bench.folder / "raw"
    convert = ["qemu-img", "convert", "-O", "raw", str(image), str(raw)]
    for kind, *options in (("zlib", "-c"), ("zstd", "-c", "-o", "compression_type=zstd"),
                           ("not compressed",)):
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, disk, image],
                       check=True)
        what = f"qcow2 of {size_of(image.stat().st_size)} to raw of 1 GiB, {kind}"
        ours, peer = in_turn(bench.rounds, partial(run, [bench.expansion, "expand", str(image)]),
                             partial(run, convert))
        yield Row(f"{what}: user + system CPU", seconds(ours.cpu),
                  f"`qemu-img convert` {seconds(peer.cpu)}", f"{ours.cpu / peer.cpu:.2f}", "0.7")
        yield Row(f"{what}: peak memory", f"{ours.peak / MIB:.1f} MiB",
                  f"`qemu-img convert` {peer.peak / MIB:.1f} MiB", "–", "–")
        both = ["sh", "-c", 'qemu-img convert -O raw "$0" "$1" && sha512sum "$1"', str(image),
                str(raw)]
        ours, peer = in_turn(
            bench.rounds, partial(run, [bench.expansion, "expand", str(image), "sha512"]),
            partial(run, both))
        name = "`qemu-img convert`, `sha512sum`"
        yield Row(f"{what}, hashed: wall", seconds(ours.wall), f"{name} {seconds(peer.wall)}",
                  f"{ours.wall / peer.wall:.2f}", "–")
        yield Row(f"{what}, hashed: user + system CPU", seconds(ours.cpu),
                  f"{name} {seconds(peer.cpu)}", f"{ours.cpu / peer.cpu:.2f}", "–")
        image.unlink()
    raw.unlink()
    disk.unlink()


def fill(disk):
    """A disk of 1 GiB, three quarters full with programs and libraries of this machine."""
    files = sorted(path for folder in ("/usr/bin", "/usr/lib") for path in Path(folder).rglob("*")
                   if path.is_file() and not path.is_symlink())
    with open(disk, "wb") as out:
        for path in files:
            content = path.read_bytes()
            out.write(content + bytes(-len(content) % 4096))
            if out.tell() >= 768 * MIB:
                break
        out.truncate(GIB)


def statuses(bench):
    """The status of a large fleet, and a run of one that is in step."""
    regions, images = 200, 500
    with Server(regions=regions, images=images, size=1, in_step=True) as server:
        config = bench.folder / "lists.curl"
        config.write_text("".join(
            f'url = "{server.url}/Region{i:04}/v2/images?limit=1000"\noutput = "/dev/null"\n'
            for i in range(regions)))
        peer_command = ["curl", "-sSZ", "--parallel-max", "16", "-K", str(config)]
        words = ["--show-status", "--parallel"]
        ours, peer = in_turn(2 * bench.rounds - 1,
                             bench.ours(server, *words, output=bench.folder / "status.csv"),
                             partial(run, peer_command))
        lines = len((bench.folder / "status.csv").read_text().splitlines())
        what = f"`--show-status --parallel`, {regions} regions × {images} images, lists made before"
        yield Row(f"{what}: wall", seconds(ours.wall), f"`curl -Z` {seconds(peer.wall)}",
                  f"{ours.wall / peer.wall:.2f}", "1.3")
        yield Row(f"{what}: user + system CPU", seconds(ours.cpu),
                  f"`curl -Z` {seconds(peer.cpu)}", f"{ours.cpu / peer.cpu:.2f}", "–")
        yield Row(f"{what}: peak memory", f"{ours.peak / MIB:.1f} MiB",
                  f"{lines} lines of status", "–", "128 MiB")
        server.seen()
        bench.ours(server)()
        requests = server.seen()["requests"]
        of_regions = {count for what, count in requests.items() if "Region" in what}
        kinds = {what.split()[0] for what in requests if "Region" in what}
        yield Row(f"a run of {regions} regions that are in step",
                  f"{max(of_regions)} request a region ({', '.join(sorted(kinds))})", "–", "–",
                  "1 list")


def embedded(bench):
    """The same against the embedded servers, which make each list as they are asked for it."""
    regions, images = 200, 500
    with subprocess.Popen([bench.fleet, "serve", str(regions), str(images)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as fleet:
        lines = list(iter(lambda: fleet.stdout.readline().strip(), ""))
        settings = configparser.ConfigParser(interpolation=None)
        settings.read(lines[0])
        config = bench.folder / "embedded.curl"
        config.write_text(f'header = "X-Auth-Token: {token(settings["master"])}"\n' + "".join(
            f'url = "{url}"\noutput = "/dev/null"\n' for url in lines[1:]))
        ours, peer = in_turn(
            bench.rounds,
            partial(run, [bench.program, "--config-file", lines[0], "--show-status", "--parallel"],
                    environment=bench.environment),
            partial(run, ["curl", "-sSfZ", "--parallel-max", "16", "-K", str(config)]))
        fleet.stdin.close()
    what = f"`--show-status --parallel`, {regions} regions × {images} images, embedded servers"
    yield Row(f"{what}: wall", seconds(ours.wall), f"`curl -Z` {seconds(peer.wall)}",
              f"{ours.wall / peer.wall:.2f}", "1.3")
    yield Row(f"{what}: peak memory", f"{ours.peak / MIB:.1f} MiB", "–", "–", "128 MiB")


def token(settings):
    """A token of a Keystone."""
    user = {"name": settings["user"], "password": settings["password"],
            "domain": {"name": "Default"}}
    project = {"name": settings["tenant"], "domain": {"name": "Default"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}},
                     "scope": {"project": project}}}
    request = urllib.request.Request(
        f"{settings['keystone_url']}/v3/auth/tokens".replace("/v3/v3", "/v3"),
        json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.headers["X-Subject-Token"]


def starts(bench):
    """From the start of the process to its first request, over TLS with the handshake before it."""
    for certificate, bound in ((None, "30 ms"), (bench.certificate, "–")):
        times = []
        with Server(regions=1, images=1, in_step=True, certificate=certificate) as server:
            side = bench.ours(server, "--show-status")
            for _ in range(21):
                server.seen()
                cost = side()
                times.append(server.seen()["first"] - cost.started)
        middle = sorted(times)[len(times) // 2]
        what = "start to first request" + (" over TLS" if certificate else "")
        yield Row(what, seconds(middle), "–", "–", bound)


def limits(bench):
    """`bwlimit` by the bytes that a server counted."""
    for scheme, certificate in (("http", None), ("https", bench.certificate)):
        rate = 8 * MIB
        content, path = bench.content(8 * rate)
        with Server(regions=1, watch_flow=True, certificate=certificate, **content) as server:
            bench.ours(server, "--bwlimit", "8M")()
            flow = server.seen()["flow"][0]
        path.unlink()
        most, least = two_seconds(flow)
        yield Row(f"`--bwlimit 8M` over {scheme}: any two seconds",
                  f"{least / MIB:.2f} to {most / MIB:.2f} MiB", f"{2 * rate / MIB:.0f} MiB",
                  f"{least / (2 * rate):.2f} to {most / (2 * rate):.2f}", "0.9 to 1.1")


def two_seconds(flow):
    """The most and the least that arrived in any two seconds."""
    end, begin = 0, flow[0][0]
    most, least, amount = 0, float("inf"), 0
    for start, (since, count) in enumerate(flow):
        while end < len(flow) and flow[end][0] < since + 2:
            amount += flow[end][1]
            end += 1
        most = max(most, amount)
        if since + 2 <= flow[-1][0]:
            # What has just arrived is the end of the time before, so it is not counted here.
            least = min(least, amount)
        amount -= count
    return most, least


def growth(bench):
    """Time and memory of a status, by regions and by images."""
    for regions, images in ((10, 100), (100, 100), (1000, 100), (10, 1000), (10, 10000)):
        with Server(regions=regions, images=images, size=1, in_step=True) as server:
            side = bench.ours(server, "--show-status", "--parallel")
            (ours,) = in_turn(1, side)
        each = ours.cpu / (regions * images) * 1e6
        yield Row(f"`--show-status --parallel`, {regions} regions × {images} images",
                  f"{seconds(ours.wall)}, CPU {seconds(ours.cpu)}, {ours.peak / MIB:.0f} MiB",
                  f"{each:.1f} µs CPU an image", "–", "–")


ALL = {"uploads": uploads, "fetches": fetches, "expansions": expansions, "statuses": statuses,
       "embedded": embedded, "starts": starts, "limits": limits, "growth": growth}
