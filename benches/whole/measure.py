"""Runs programs and says what they took; both sides of a comparison in turn, medians of all rounds."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
import ssl
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass
class Cost:
    """What one run took."""

    wall: float
    cpu: float
    peak: int
    started: float
    read: int


class BenchError(Exception):
    """A run that cannot be counted."""


def run(*commands, environment=None, output=None, watch_memory=False):
    """Runs commands at once; their cost together, and the peak of memory of the largest, which only
    a run that is watched for it has: to look at it costs time."""
    started = time.monotonic()
    sink = open(output, "wb") if output else subprocess.DEVNULL
    children = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.PIPE,
                         env=environment)
        for command in commands
    ]
    watches = [Watch(child.pid) for child in children] if watch_memory else []
    complaints = [child.stderr.read() for child in children]
    cpu, read, failed = 0.0, 0, []
    for child, command, complaint in zip(children, commands, complaints):
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        read += bytes_read(child.pid)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu += used.ru_utime + used.ru_stime
        if child.returncode != 0:
            failed.append(f"{command[0]}: {child.returncode}\n{complaint.decode()[-2000:]}")
    wall = time.monotonic() - started
    if failed:
        raise BenchError("\n".join(failed))
    return Cost(wall, cpu, max((watch.peak for watch in watches), default=0), started, read)


def bytes_read(pid):
    """What a process has read out of files, `sendfile` included, but not out of connections."""
    with open(f"/proc/{pid}/io") as counts:
        return int(counts.readline().removeprefix("rchar:"))


class Watch(threading.Thread):
    """Looks at the peak of a process's memory until it ends. What `wait4` says of it is no less than
    what the process that started it had."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak = pid, 0
        self.start()

    def run(self):
        try:
            own = os.readlink(f"/proc/{os.getpid()}/exe")
            while True:
                if os.readlink(f"/proc/{self.pid}/exe") != own:
                    with open(f"/proc/{self.pid}/status") as status:
                        for line in status:
                            if line.startswith("VmHWM:"):
                                self.peak = int(line.split()[1]) * 1024
                time.sleep(0.002)
        except OSError:
            pass


def in_turn(rounds, *sides):
    """Runs the sides in turn; the median costs of each. The first round counts for memory alone."""
    peaks = [side(watch_memory=True).peak for side in sides]
    costs = [[] for _ in sides]
    for _ in range(rounds):
        for side, of_side in zip(sides, costs):
            of_side.append(side())
    return [median(of_side, peak) for of_side, peak in zip(costs, peaks)]


def median(costs, peak):
    """The median of each quantity by itself."""
    middle = statistics.median
    return Cost(middle(c.wall for c in costs), middle(c.cpu for c in costs), peak,
                costs[0].started, middle(c.read for c in costs))


class Server:
    """The cloud of `cloud.py`, for as long as it is needed."""

    def __init__(self, **options):
        words = []
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                words.append(flag)
            elif value not in (None, False):
                words += [flag, str(value)]
        self.child = subprocess.Popen([sys.executable, HERE / "cloud.py", *words],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.scheme = "https" if options.get("certificate") else "http"
        self.url = f"{self.scheme}://127.0.0.1:{int(self.child.stdout.readline())}"

    def seen(self):
        """What it has seen since it was last asked."""
        trust = ssl._create_unverified_context() if self.scheme == "https" else None
        with urllib.request.urlopen(f"{self.url}/bench/seen", context=trust) as answer:
            return json.load(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait()
