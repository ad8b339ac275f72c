"""Runs the benches of criterion, and prints what they found as a table."""

import json
import os
import subprocess
from pathlib import Path

# By name, so that no unit test is built for it.
BENCHES = [word for bench in ("upload", "plan", "lists", "fleet") for word in ("--bench", bench)]


def run(root):
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "criterion"
    before = {path: path.stat().st_mtime for path in target.glob("**/new/estimates.json")}
    subprocess.run(["cargo", "bench", *BENCHES], cwd=root, check=True,
                   stdout=subprocess.DEVNULL)
    print("| bench | median | throughput |\n| --- | --- | --- |")
    for path in sorted(target.glob("**/new/estimates.json")):
        if before.get(path) == path.stat().st_mtime:
            continue
        middle = json.loads(path.read_text())["median"]["point_estimate"]
        bench = json.loads((path.parent / "benchmark.json").read_text())
        print(f"| {bench['full_id']} | {time(middle)} | {throughput(bench, middle)} |")


def time(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.0f} ns"


def throughput(bench, nanoseconds):
    amount = bench.get("throughput") or {}
    if amount.get("Bytes"):
        return f"{amount['Bytes'] / nanoseconds:.2f} GB/s"
    if amount.get("Elements"):
        return f"{amount['Elements'] / nanoseconds * 1e3:.3g} M/s"
    return "–"
