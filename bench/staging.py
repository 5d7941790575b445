"""How fast raw objects are staged, held against the AWS command line in the same run.

Ours: a local folder of JSON lines, read by the file source, which checks lines and UTF-8, and
written by the writer of every extraction, one raw object a file, with a manifest. Theirs:
`aws s3 cp --recursive` of the same folder. Each is a process of its own, by turns, to the S3 of
the embedded cloud, and the same bytes lie there after both. The last line is our time divided by
theirs.

    python bench/staging.py --repeat 3
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

BUCKET = "bench-staging"
RUN_DATE = date(2026, 1, 1)
SMALL, SMALL_BYTES = 2000, (2 * 1024, 10 * 1024)
LARGE, LARGE_BYTES, QUICK_BYTES = 16, 64 * 1024**2, 4 * 1024**2
NO_AWS = """the AWS command line is not on PATH; to get it beside what is installed here:
  uv tool install "awscli>=1.44,<2"    or    python3 -m venv aws && aws/bin/pip install "awscli<2"
"""


def main() -> int:
    """Measure, print each figure, and the ratio last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="times each is measured")
    parser.add_argument("--quick", action="store_true", help="large files of 4 MiB, not 64")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        stage(arguments.stage)
        return 0
    aws = shutil.which("aws")
    if aws is None:
        print(NO_AWS, end="", file=sys.stderr)
        return 2
    compare(aws, repeat=arguments.repeat, large=QUICK_BYTES if arguments.quick else LARGE_BYTES)
    return 0


def compare(aws: str, *, repeat: int, large: int) -> None:
    """Run both by turns."""
    from etl.environment import enter

    enter("local")
    s3 = _client()
    if BUCKET not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), large)
        commands = {
            "ours": [sys.executable, __file__, "--stage", folder],
            "aws s3 cp": [
                aws,
                "s3",
                "cp",
                "--recursive",
                "--quiet",
                folder,
                f"s3://{BUCKET}/theirs/",
            ],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(repeat):
            _empty(s3)
            for name, command in commands.items():
                started = time.monotonic()
                subprocess.run(command, check=True)
                seconds[name].append(time.monotonic() - started)
            _check_same(s3)
            print(f"{turn + 1}: " + "; ".join(f"{k} {v[-1]:.1f} s" for k, v in seconds.items()))
    _empty(s3)
    size = SMALL * sum(SMALL_BYTES) / 2 + LARGE * large
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    print(f"\n{'':10} {'median s':>9} {'MiB/s':>7} {'objects/s':>10}")
    for name, median in medians.items():
        rates = f"{size / 1024**2 / median:>7.0f} {(SMALL + LARGE) / median:>10.0f}"
        print(f"{name:10} {median:>9.1f} {rates}")
    print(f"{medians['ours'] / medians['aws s3 cp']:.2f}")


def stage(folder: str) -> None:
    """What is measured of ours: the folder as one extraction."""
    from etl.model import Column, Contract, Places, Raw, Source, Type
    from etl.settings import Staging
    from etl.sources.files.open import open_files
    from etl.sources.records import SourceContext
    from etl.staging import stage_raw

    contract = Contract(
        dataset="bench",
        version="1.0.0",
        domain="bench",
        columns=(Column(name="id", type=Type(kind="integer"), path=("id",), required=True),),
        primary_key=("id",),
        latest_by=None,
        partition="ingest_date",
        load_mode="replace",
        source=Source(kind="file", name="bench", location=folder, format="jsonl"),
        places=Places(raw=f"s3://{BUCKET}/ours/"),
        raw=Raw(compression="none", per_source_object=True),
    )
    context = SourceContext(
        run_date=RUN_DATE,
        client=lambda service, **_: _client(),
        state_prefix=f"s3://{BUCKET}/state/",
    )
    stage_raw(
        open_files(contract, context),
        s3=_client(),
        contract=contract,
        run_date=RUN_DATE,
        run_id="bench",
        contract_uri=f"s3://{BUCKET}/contract.json",
        settings=Staging(),
    )


def write_files(folder: Path, large: int) -> None:
    """2,000 files of 2 to 10 KiB and 16 of `large` bytes, the same each time."""
    choose = random.Random(1)
    lines = [_line(choose, number) for number in range(5000)]
    for number in range(SMALL):
        size = choose.randint(*SMALL_BYTES)
        (folder / f"small-{number:04}.jsonl").write_bytes(b"".join(_fill(choose, lines, size)))
    for number in range(LARGE):
        (folder / f"large-{number:02}.jsonl").write_bytes(b"".join(_fill(choose, lines, large)))


def _line(choose: random.Random, number: int) -> bytes:
    record = {
        "id": number,
        "level": choose.choice(("INFO", "WARN", "ERROR")),
        "duration_ms": round(choose.random() * 1000, 3),
        "user": {"name": "Zoë", "city": choose.choice(("Łódź", "Bern", "Lima"))},
        "message": choose.randbytes(48).hex(),
    }
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _fill(choose: random.Random, lines: list[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        line = choose.choice(lines)
        size -= len(line)
        yield line


def _client() -> Any:
    from aws.clients import AwsConfig, make_client

    return make_client("s3", AwsConfig(region=os.environ["AWS_REGION"]))


def _empty(s3: Any) -> None:
    from aws.s3 import delete_objects, iter_objects

    found = [each.key for each in iter_objects(s3, bucket=BUCKET, prefix="")]
    delete_objects(s3, bucket=BUCKET, keys=found)


def _check_same(s3: Any) -> None:
    """Both have put the same bytes there: ETags say so, as both send parts of 8 MiB."""
    from aws.s3 import iter_objects

    listed = {
        prefix: sorted(
            (each.size, each.etag)
            for each in iter_objects(s3, bucket=BUCKET, prefix=prefix)
            if each.key.endswith(".jsonl")
        )
        for prefix in ("ours/", "theirs/")
    }
    if listed["ours/"] != listed["theirs/"] or len(listed["ours/"]) != SMALL + LARGE:
        raise SystemExit("the two have not put the same bytes on S3")


if __name__ == "__main__":
    sys.exit(main())
