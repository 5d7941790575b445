"""How much memory a stream takes, however much comes through it.

Pipes JSON lines into `python flows/stream_to_s3.py --dataset events` on an embedded cloud of its
own, and prints the figures, the most resident memory last.

    python bench/stream_memory.py --mib 1024
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
_MIB = 1024 * 1024
_BLOCK_LINES = 4096


def main() -> None:
    """Measure, and print each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024, help="of JSON lines; by default 1024")
    parser.add_argument("--batch-mib", type=float, default=64, help="by default 64")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        environ = os.environ | {"LOCAL_CLOUD_HOME": home, "PYTHONPATH": str(ROOT / "src")}
        cloud = [sys.executable, "-m", "local_cloud"]
        lines = subprocess.check_output([*cloud, "attach"], env=environ, text=True, cwd=ROOT)
        environ |= dict(line.split("=", 1) for line in lines.splitlines())
        try:
            _measure(options.mib * _MIB, options.batch_mib, environ)
        finally:
            subprocess.run([*cloud, "down"], env=environ, cwd=ROOT, check=True)


def _measure(size: int, batch_mib: float, environ: dict[str, str]) -> None:
    command = [sys.executable, "flows/stream_to_s3.py", "--dataset", "events"]
    command += ["--batch-mib", str(batch_mib), "--batch-records", str(10**9)]
    started = time.monotonic()
    stream = subprocess.Popen(
        command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert stream.stdin and stream.stdout
    threading.Thread(target=_feed, args=(stream.stdin, size), daemon=True).start()
    acknowledged = stream.stdout.read().decode().splitlines()
    _, status, usage = os.wait4(stream.pid, 0)
    seconds = time.monotonic() - started
    if status:
        sys.exit(f"the stream ended with status {status}")
    print(f"{acknowledged[-1].split(';')[0]} in {len(acknowledged)} batches")
    print(f"{size / _MIB:,.0f} MiB in {seconds:.1f} s, {size / _MIB / seconds:.0f} MiB/s")
    unit = 1 if sys.platform == "darwin" else 1024
    print(f"{usage.ru_maxrss * unit / _MIB:.0f} MiB of memory at most")


def _feed(target: IO[bytes], size: int) -> None:
    with target:
        for block in _blocks(size):
            target.write(block)


def _blocks(size: int) -> Iterator[bytes]:
    """Lines of about 260 bytes, half of which do not compress."""
    chance, sent = random.Random(1), 0
    line = b'{"event_id":"%s","event_type":"page_view","session_id":"%s","page":{"path":"/"}}\n'
    while sent < size:
        noise = chance.randbytes(_BLOCK_LINES * 80).hex().encode()
        parts = (noise[start : start + 160] for start in range(0, len(noise), 160))
        block = b"".join(line % (each[:120], each[120:]) for each in parts)
        sent += len(block)
        yield block


if __name__ == "__main__":
    main()
