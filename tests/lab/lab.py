#!/usr/bin/env python3
"""A real OpenStack fleet on loopback: two Keystones, four Glance regions or more, nothing simulated.

    lab.py prepare               install the pinned packages and make the database templates
    lab.py run -- COMMAND...     start the fleet, run COMMAND, stop the fleet whatever happens
    lab.py up | down             start and stop a fleet by hand

COMMAND finds the description of the fleet, a JSON file, in $GLANCESYNC_TEST_CLOUD. The Unix socket
that the description names takes one line a connection, `kill|start|freeze|thaw SERVER`, and answers
`ok` or the error; `start` answers when the server does. What is slow to make is kept in
${XDG_CACHE_HOME:-~/.cache}/glancesync-lab.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import cache
from errors import LabError
from fleet import Fleet
from servers import die_with_parent

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals():
    """Turns a signal into an exit, so that every `finally` runs."""

    def leave(number, _frame):
        for other in STOPPING_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in STOPPING_SIGNALS:
        signal.signal(number, leave)


def sweep(parent):
    """Removes the folders of fleets whose runner was killed before it could."""
    for folder in parent.glob("glancesync-lab-*"):
        try:
            os.kill(int((folder / "pid").read_text()), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):
            continue


def serve_control(fleet, listener, running):
    """Answers the control socket while `running()`; False when asked to shut down."""
    listener.settimeout(0.1)
    while running():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        with connection:
            try:
                connection.settimeout(5)
                words = connection.makefile("r").readline().split()
                if words == ["shutdown"]:
                    connection.sendall(b"ok\n")
                    return False
                fleet.command(*words)
                reply = "ok"
            except (LabError, OSError, TypeError) as error:
                reply = f"error: {error}"
            try:
                connection.sendall(f"{reply}\n".encode())
            except OSError:
                continue
    return True


def with_fleet(options, body):
    """Starts a fleet, calls `body(fleet, listener)`, and takes everything down again."""
    made = cache.prepare()
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix="glancesync-lab-", dir=parent))
    fleet = None
    try:
        (folder / "pid").write_text(str(os.getpid()))
        fleet = Fleet(folder, made, options)
        fleet.start()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "control"))
            listener.listen()
            return body(fleet, listener)
    finally:
        for number in STOPPING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if fleet:
            fleet.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run(options):
    if not options.command:
        raise LabError("run: a command is missing")
    die_with_parent(signal.SIGTERM)

    def body(fleet, listener):
        environment = dict(os.environ, GLANCESYNC_TEST_CLOUD=str(fleet.description))
        command = subprocess.Popen(
            options.command, env=environment, preexec_fn=lambda: die_with_parent(signal.SIGTERM)
        )
        try:
            serve_control(fleet, listener, lambda: command.poll() is None)
            return command.wait()
        finally:
            if command.poll() is None:
                command.terminate()
                try:
                    command.wait(10)
                except subprocess.TimeoutExpired:
                    command.kill()

    status = with_fleet(options, body)
    return 128 - status if status < 0 else status


def up(options):
    state = cache.root() / "up"
    if state.exists() and ask(state, "thaw keystone:master") == "ok":
        raise LabError(f"a fleet is up already: {os.readlink(state)}")
    words = [sys.executable, __file__, "serve"]
    words += ["--token-lifetime", str(options.token_lifetime)]
    words += ["--storage-quota", str(options.storage_quota)]
    words += ["--import-regions"] if options.import_regions else []
    server = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    )
    description = server.stdout.readline().decode().strip()
    if not description:
        return server.wait()
    print(f"export GLANCESYNC_TEST_CLOUD={description}")
    return 0


def serve(options):
    state = cache.root() / "up"

    def body(fleet, listener):
        state.unlink(missing_ok=True)
        state.symlink_to(fleet.folder / "control")
        print(fleet.description, flush=True)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        try:
            serve_control(fleet, listener, lambda: True)
        finally:
            state.unlink(missing_ok=True)
        return 0

    return with_fleet(options, body)


def ask(control, line):
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(control))
            connection.sendall(f"{line}\n".encode())
            return connection.makefile("r").readline().strip()
    except OSError as error:
        return f"error: {error}"


def down(_options):
    answer = ask(cache.root() / "up", "shutdown")
    if answer != "ok":
        raise LabError(f"no fleet is up ({answer})")
    return 0


def prepare(_options):
    made = cache.prepare()
    print(made.environment)
    return 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_subparsers(required=True, metavar="MODE")
    for mode in (prepare, run, up, serve, down):
        words = modes.add_parser(mode.__name__)
        words.set_defaults(mode=mode)
        if mode in (run, up, serve):
            words.add_argument("--token-lifetime", type=int, default=3600, help="seconds")
            words.add_argument("--storage-quota", default="0", help="per project, as in 50MB")
            more = "two more regions: one that takes imports only, one that has limits"
            words.add_argument("--import-regions", action="store_true", help=more)
        if mode is run:
            words.add_argument("command", nargs="*", metavar="COMMAND")
    options = parser.parse_args()
    stop_on_signals()
    try:
        return options.mode(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 125


if __name__ == "__main__":
    sys.exit(main())
