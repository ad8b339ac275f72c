"""What is slow to make and the same for every fleet: the packages and the database templates."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import templates
from errors import LabError

HERE = Path(__file__).resolve().parent
PINS = HERE / "requirements.txt"


@dataclass
class Made:
    """The virtual environment and the folder of the templates."""

    environment: Path
    templates: Path


def root():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "glancesync-lab"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


@contextmanager
def exclusively(folder):
    """One preparation at a time: a second one waits and finds everything done."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare():
    folder = root()
    python = f"{sys.executable} {sys.version}".encode()
    scripts = [path.read_bytes() for path in sorted(HERE.glob("*.py"))]
    made = Made(
        folder / f"venv-{digest(python, PINS.read_bytes())}",
        folder / f"data-{digest(python, PINS.read_bytes(), *scripts)}",
    )
    with exclusively(folder):
        install(made.environment)
        if not made.templates.exists():
            started = time.monotonic()
            print("lab: making the databases", file=sys.stderr)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder))
            try:
                templates.make(partial, made.environment)
                partial.rename(made.templates)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            print(f"lab: made in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return made


def install(environment):
    """Installs the pins; the marker is written last, so a broken installation is made anew."""
    marker = environment / "complete"
    if marker.exists():
        return
    started = time.monotonic()
    print(f"lab: installing {PINS.name} into {environment}", file=sys.stderr)
    shutil.rmtree(environment, ignore_errors=True)
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-deps", "--requirement", PINS]
    for words in ([sys.executable, "-m", "venv", environment], pip):
        if subprocess.run(words).returncode:
            raise LabError(f"failed: {' '.join(map(str, words))}")
    marker.touch()
    print(f"lab: installed in {time.monotonic() - started:.0f} s", file=sys.stderr)
