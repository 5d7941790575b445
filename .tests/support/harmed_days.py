"""Two days to harm a run of: the first one of a table, and a later one among others.

The first replaces its partition, and takes orders from the demo shop, page by page, to several raw
objects; there is no table yet. The later one merges by key, and takes files on S3, which it moves.
Its table holds the day before, with keys that the later one has too, and what a first run of the
day found: one file, of three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import yaml
from support.access_log import stands_for
from support.fault_points import Left, read_left
from support.flow_processes import Ended, FlowProcesses
from support.pipeline_runs import Bench, rows_url

from etl.contracts import CONTRACTS_FOLDER
from etl.settings import load_settings
from local_cloud.source_orders import bad_order, expected_counts, render_order

_BUCKETS = load_settings("local").buckets
_ROWS = 200
LOADERS = ("copy", "data-api")


def engine_of(mode: str, loader: str) -> str:
    """What transforms: of the two load modes and loaders, each comes with either engine."""
    return "spark" if (mode == "replace") == (loader == "copy") else "duckdb"


@dataclass(frozen=True)
class Command:
    """A run's command line, and what it is run with."""

    run_date: date
    dataset: str
    environ: Mapping[str, str]
    contracts: Path

    mode: str

    def run(
        self, flows: FlowProcesses, bench: Bench, loader: str, plan: Mapping[str, object]
    ) -> Ended:
        """Run it to its end by one of `LOADERS`, with a plan of `support.faulty_flow`."""
        return flows.run(
            *("--run-date", str(self.run_date), "--dataset", self.dataset),
            *("--loader", loader, "--engine", engine_of(self.mode, loader), "--json"),
            # No renewal of the lease among the calls: when there are some is up to the clock.
            environ={**bench.environ, **self.environ, "ETL_LEASE__SECONDS": "3600"},
            plan=plan,
            contracts=self.contracts,
        )


class HarmedDay(Protocol):
    """A run date, and what is there before its run.

    Attributes:
        table_rows: In the table, after it.
    """

    command: Command
    table_rows: int

    def begin(self) -> Bench:
        """Make everything as it is before the run."""

    def read(self, bench: Bench) -> Left:
        """What there is by now."""


class FirstDay:
    """The demo shop's orders, into a table of their own each time."""

    table_rows = expected_counts(_ROWS).loaded

    def __init__(self, folder: Path, make_bench: Callable[[], Bench]) -> None:
        self._make_bench = make_bench
        self.command = Command(
            run_date=date(2026, 5, 4),
            dataset="harmed_orders",
            # No object waits in memory: each is a multipart upload.
            environ={**rows_url(_ROWS), "ETL_STAGING__HELD_MIB": "0"},
            contracts=folder,
            mode="replace",
        )
        _write_contract(folder, self.command.dataset, _from_the_shop)

    def begin(self) -> Bench:
        """No object of the dataset, and no table."""
        bench = self._make_bench()
        _forget(bench, self.command.dataset)
        return bench

    def read(self, bench: Bench) -> Left:
        """What there is by now."""
        return read_left(bench, dataset=self.command.dataset)


class LaterDay:
    """Files of orders, into a table that holds others."""

    table_rows = 100  # of 60 keys that the day before has, and 80 of the day's own

    def __init__(self, folder: Path, make_bench: Callable[[], Bench], flows: FlowProcesses) -> None:
        self._bench = make_bench()
        dataset = "harmed_files"
        stands_for(dataset, "price_list")  # whose files are moved too
        self._landing = f"s3://{_BUCKETS.raw}/landing/{dataset}/"
        self.command = Command(
            run_date=date(2026, 5, 4),
            dataset=dataset,
            environ={"ETL_PLACES__PRICE_LIST_PREFIX": self._landing},
            contracts=folder,
            mode="merge",
        )
        _write_contract(folder, dataset, _from_files)
        _forget(self._bench, dataset)
        before = Command(date(2026, 5, 3), dataset, self.command.environ, folder, "merge")
        for command, name in ((before, "before"), (self.command, "first")):
            self._put(name)
            assert command.run(flows, self._bench, "copy", {}).report["rows"]["loaded"]
        self._tables = [f"{dataset}{each}" for each in ("", "__superseded", "__ledger")]
        self._save_tables()
        self._saved = {
            place: self._bench.client("s3").get_object(Bucket=place[0], Key=place[1])
            for place in _objects(self._bench, dataset)
        }
        self._bodies = {place: found["Body"].read() for place, found in self._saved.items()}

    def begin(self) -> Bench:
        """All as it was, and two files more."""
        s3 = self._bench.client("s3")
        for bucket, key in _objects(self._bench, self.command.dataset):
            if (bucket, key) not in self._saved:
                s3.delete_object(Bucket=bucket, Key=key)
        for (bucket, key), found in self._saved.items():
            s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=self._bodies[bucket, key],
                ContentType=found["ContentType"],
                Metadata=found["Metadata"],
                ChecksumAlgorithm="SHA256",
            )
        self._restore_tables()
        self._put("second")
        self._put("third")
        return self._bench

    def read(self, bench: Bench) -> Left:
        """What there is by now."""
        return read_left(bench, dataset=self.command.dataset, landing=self._landing)

    def _put(self, name: str) -> None:
        lines = "".join(f"{line}\n" for line in _FILES[name]())
        self._bench.put(f"{self._landing}{name}.jsonl", lines.encode())

    def _save_tables(self) -> None:
        for name in self._tables:
            self._bench.query(f"CREATE TABLE {{s}}.{name}__saved AS SELECT * FROM {{s}}.{name}")

    def _restore_tables(self) -> None:
        for name in self._tables:
            self._bench.query(f"DELETE FROM {{s}}.{name}")
            self._bench.query(f"INSERT INTO {{s}}.{name} SELECT * FROM {{s}}.{name}__saved")


def _objects(bench: Bench, dataset: str) -> Iterator[tuple[str, str]]:
    """Bucket and key of all that runs of a dataset have left, and its source's files."""
    for bucket in _BUCKETS.names.values():
        for key in bench.keys(f"s3://{bucket}/"):
            if f"/{dataset}/" in key:
                yield bucket, key


def _forget(bench: Bench, dataset: str) -> None:
    for bucket, key in list(_objects(bench, dataset)):
        bench.client("s3").delete_object(Bucket=bucket, Key=key)


def _before() -> Iterator[str]:
    """The day before: every third of its orders is corrected later than the day after says."""
    for position in range(60):
        is_late = position % 3 == 0
        yield _order(position, 3, "23:59:59" if is_late else "08:00:00", day=4 if is_late else 3)


def _first() -> Iterator[str]:
    yield from (_order(position, 4, "09:00:00") for position in range(20, 50))


def _second() -> Iterator[str]:
    yield from (_order(position, 4, "10:00:00") for position in range(40, 80))
    yield from (bad_order(date(2026, 5, 4), position, position) for position in range(4))


def _third() -> Iterator[str]:
    yield from (_order(position, 4, "11:00:00") for position in range(70, 100))
    yield "{"  # no record at all
    yield _order(90, 4, "07:00:00")


_FILES: dict[str, Callable[[], Iterator[str]]] = {
    "before": _before,
    "first": _first,
    "second": _second,
    "third": _third,
}


def _order(position: int, run_day: int, time: str, day: int | None = None) -> str:
    """The order of a position, which has one key whatever file it is in."""
    return render_order(
        date(2026, 5, run_day),
        position,
        order_id=f'"ORD-20260503-{position:06d}"',
        updated_at=f'"2026-05-{day or run_day:02d}T{time}Z"',
    )


def _write_contract(
    folder: Path, dataset: str, edit: Callable[[dict[str, Any], dict[str, Any]], None]
) -> None:
    """The contract of orders, under another name; `edit` changes its servers and its table."""
    text = (CONTRACTS_FOLDER / "orders.odcs.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    document["id"] = document["schema"][0]["name"] = dataset
    for promise in document["slaProperties"]:
        promise["element"] = promise["element"].replace("orders.", f"{dataset}.")
    servers = {each["server"]: each for each in document["servers"]}
    for name in ("raw", "processed", "quarantine"):
        servers[name]["location"] = servers[name]["location"].replace("/orders/", f"/{dataset}/")
    edit(servers, document["schema"][0])
    path = folder / f"{dataset}.odcs.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")


def _from_the_shop(servers: dict[str, Any], table: dict[str, Any]) -> None:
    _set(servers["source"], "pageSize", _ROWS // 3)
    _set(servers["raw"], "partitioning", "column")
    _set(servers["raw"], "partitionColumn", "status")


def _from_files(servers: dict[str, Any], table: dict[str, Any]) -> None:
    _set(table, "loadMode", "merge")
    servers["source"] |= {
        "type": "s3",
        "location": "${price_list_prefix}",
        "format": "json",
        "delimiter": "new_line",
        "customProperties": [
            {"property": "sourceSystem", "value": "shop"},
            {"property": "afterLoad", "value": "move"},
        ],
    }


def _set(owner: dict[str, Any], name: str, value: Any) -> None:
    others = [each for each in owner.get("customProperties", []) if each["property"] != name]
    owner["customProperties"] = [*others, {"property": name, "value": value}]
