"""The ways by which content gets into regions, against what a person would do by hand. The Glances are
real, but for one row: they share the processors with both sides."""

import hashlib
import shutil
import subprocess
import uuid
from functools import partial

from lab import Lab
from measure import Server, in_turn, run
from rows import GIB, MIB, Row, fill, seconds, size_of

PULLING = ("RegionThree", "RegionTwo", "RegionFive")
PLAIN = "RegionThree"


def deliveries(bench):
    """Raw by way of an expansion, regions that pull, and several contents at once."""
    disk = bench.folder / "disk"
    fill(disk)
    qcow2 = bench.images / str(uuid.uuid4())
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", disk, qcow2], check=True)
    rounds = min(bench.rounds, 3)
    yield from expanded(bench, qcow2, disk)
    disk.unlink()
    with Lab(bench) as lab:
        yield from expanded_into_glance(bench, lab, qcow2, rounds)
    qcow2.unlink()
    with Lab(bench) as lab:
        yield from pulled(bench, lab, rounds)
    with Lab(bench) as lab:
        yield from at_once(bench, lab, rounds)


def expanded(bench, qcow2, disk):
    """A qcow2 into a region that wants raw; the server throws it away."""
    content = {"id": qcow2.name, "size": qcow2.stat().st_size, "checksum": digest(qcow2, "md5"),
               "hash": digest(qcow2, "sha512"), "raw_size": GIB, "raw_checksum": digest(disk, "md5"),
               "raw_hash": digest(disk, "sha512")}
    with Server(regions=1, **content) as server:
        send = bench.ours(server, "--config", "DEFAULT.disk_format=raw")

        def side(**options):
            # What an earlier round found is not known: the expansion is hashed in each.
            shutil.rmtree(bench.folder / "state", ignore_errors=True)
            return send(**options)

        url = f"{server.url}/Region0000/v2/images/x/file"
        peer = convert(bench, qcow2, ["curl", "-sSf", "-o", "/dev/null", url])
        ours, peer = in_turn(bench.rounds, side, partial(run, peer))
    yield from compare_expanded("", qcow2, ours, peer, "0.6")


def digest(path, algorithm):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def expanded_into_glance(bench, lab, qcow2, rounds):
    lab.fill(qcow2, "qcow2")
    ours, peer = in_turn(rounds, lab.ours([PLAIN], "disk_format = raw"),
                         lab.by_hand([PLAIN], lambda: [convert(bench, qcow2, lab.curl(PLAIN))]))
    yield from compare_expanded(" into a real Glance", qcow2, ours, peer, "–")


def convert(bench, qcow2, send):
    """`qemu-img convert`, and a curl that sends what it made."""
    script = 'qemu-img convert -O raw "$0" "$1" && raw=$1 && shift && exec "$@" -T "$raw"'
    return ["sh", "-c", script, str(qcow2), str(bench.folder / "raw"), *send]


def compare_expanded(where, qcow2, ours, peer, bound):
    what = f"qcow2 of {size_of(qcow2.stat().st_size)} expanded, hashed and sent as raw of 1 GiB{where}"
    name = "`qemu-img convert`, `curl -T`"
    yield Row(f"{what}: wall", seconds(ours.wall), f"{name} {seconds(peer.wall)}",
              f"{ours.wall / peer.wall:.2f}", bound)
    yield Row(f"{what}: user + system CPU", seconds(ours.cpu), f"{name} {seconds(peer.cpu)}",
              f"{ours.cpu / peer.cpu:.2f}", "–")


def pulled(bench, lab, rounds):
    """Regions that fetch their content from each other, against uploads to them."""
    content, path = bench.content(256 * MIB)
    lab.fill(path)
    path.unlink()
    for count in (1, len(PULLING)):
        regions = PULLING[:count]
        ours, peer = in_turn(rounds, lab.ours(regions, "delivery = pull", f"pull_fanout = {count}"),
                             lab.ours(regions))
        plural = "region" if count == 1 else "regions"
        what = f"{size_of(content['size'])} pulled by {count} real {plural}"
        yield Row(f"{what}: wall", seconds(ours.wall), f"uploads {seconds(peer.wall)}",
                  f"{ours.wall / peer.wall:.2f}", "–")
        yield Row(f"{what}: user + system CPU of this host", seconds(ours.cpu),
                  f"uploads {seconds(peer.cpu)}", f"{ours.cpu / peer.cpu:.2f}", "–")
        yield Row(f"{what}: content that this host read", size_of(ours.read),
                  f"uploads {size_of(peer.read)}", "–", "none")


def at_once(bench, lab, rounds):
    """Several contents at once into one region. The first goes alone, so it is a small one."""
    paths = [bench.content(size)[1] for size in [MIB] + [256 * MIB] * 4]
    for path in paths:
        lab.fill(path)
    several, one, peer = in_turn(
        rounds, lab.ours([PLAIN], "transfers = 4"), lab.ours([PLAIN]),
        lab.by_hand([PLAIN], lambda: [lab.curl(PLAIN, "-T", str(path)) for path in paths[1:]]))
    what = "4 × 256 MiB into a real Glance with `transfers = 4`: wall"
    for name, other, bound in (("4 × `curl -T` at once", peer, "1.0"), ("`transfers = 1`", one, "–")):
        yield Row(what, seconds(several.wall), f"{name} {seconds(other.wall)}",
                  f"{several.wall / other.wall:.2f}", bound)
    for path in paths:
        path.unlink()
