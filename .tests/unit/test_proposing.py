"""A contract that is proposed from a sample holds the sample."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import vega_datasets  # type: ignore[import-untyped]  # it ships no types
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.contracts import StubSettings

from etl.contracts.physical_types import spell_physical_type
from etl.errors import EtlError, SourceError, UsageError
from etl.proposing.csv_sample import CsvHints
from etl.proposing.names import column_name
from etl.proposing.proposal import Proposal, propose
from etl.proposing.sample import read_sample
from etl.proposing.schedule import with_deployment
from etl.proposing.show import show
from etl.proposing.values import choose_type

VEGA = Path(vega_datasets.__file__).parent / "_data"


def propose_for(path: Path, *key: str, hints: CsvHints = CsvHints()) -> Proposal:
    return propose(
        read_sample(path, hints=hints, most_rows=10_000),
        dataset="things",
        domain="general",
        key=key,
        with_rules=True,
        settings=StubSettings(),
        most_rows=10_000,
    )


def write(folder: Path, content: str | bytes, name: str = "things.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def types(proposal: Proposal) -> dict[str, str]:
    return {each.name: spell_physical_type(each.type) for each in proposal.columns}


def outcome(proposal: Proposal) -> tuple[int, int, int]:
    return proposal.trial.good, proposal.trial.copies, proposal.trial.rejected


@pytest.mark.parametrize(
    "values, expected",
    [
        (["1", "-2", None], "INTEGER"),
        (["1", "2147483648"], "BIGINT"),
        (["1", "300000000"], "BIGINT"),  # room to grow
        (["1", "9" * 25], "DECIMAL(38, 0)"),
        (["1", "9" * 50], "VARCHAR(128)"),
        (["1", "12.50"], "DECIMAL(12, 2)"),
        (["1.1234", "1234567890123.1"], "DECIMAL(19, 4)"),
        (["47.60621", "-122.3"], "DOUBLE PRECISION"),
        (["0.00001", "1.50000"], "DECIMAL(12, 5)"),
        (["1", "2e5"], "DOUBLE PRECISION"),
        (["007", "12"], "VARCHAR(8)"),
        (["true", "FALSE"], "BOOLEAN"),
        (["yes", "no"], "VARCHAR(8)"),
        (["2026-01-31", "2026-02-01"], "DATE"),
        (["2026-01-31", "2026-02-30"], "VARCHAR(32)"),
        (["2026-01-31T00:00:00Z", "2026-01-31T00:00:00.5+02:00"], "TIMESTAMPTZ"),
        (["2026-01-31 00:00:00", "2026-01-31 09:15:27"], "TIMESTAMPTZ"),
        (["1/31/2026", "2/1/2026"], "DATE"),
        (["1/2/2026", "2/1/2026"], "VARCHAR(16)"),  # day or month first?
        (["1/31/2026", "2026-01-31"], "VARCHAR(32)"),
        (["1.234,56", "1,00"], "VARCHAR(16)"),
        (["ä" * 5], "VARCHAR(32)"),  # bytes
        (["1", "x"], "VARCHAR(8)"),
        (["NA", "1.5", "null"], "DECIMAL(12, 2)"),
        (["NA", "x"], "VARCHAR(8)"),
        ([None, None], "VARCHAR(256)"),
        ([str(n) for n in range(19)] + ["broken"], "INTEGER"),
    ],
)
def test_choose_type_of_csv_is_the_narrowest_that_holds(
    values: list[str | None], expected: str
) -> None:
    assert spell_physical_type(choose_type(values, "text", misfit_percent=10).type) == expected


def test_choose_type_that_may_not_misfit_takes_text_instead() -> None:
    values = [str(n) for n in range(100)] + ["A7"]

    assert choose_type(values, "text", misfit_percent=10).examples == ("A7",)
    assert spell_physical_type(choose_type(values, "text", misfit_percent=0).type) == "VARCHAR(8)"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Straße Nr.", "strasse_nr"),
        ("userName", "user_name"),
        ("order", "order_value"),
        ("run_date", "run_date_value"),
        ("ingest_date", "ingest_date_2"),
        ("2019", "column_2019"),
        ("名前", "column_7"),
        ("a" * 200, "a" * 63),
        ("taken", "taken_2"),
        ("% of total", "percent_of_total"),
    ],
)
def test_column_name_is_one_that_every_place_takes(name: str, expected: str) -> None:
    assert column_name((name,), 7, {"taken", "ingest_date"}) == expected


@pytest.mark.parametrize(
    "file, key, counts",
    [
        ("airports.csv", ("iata",), (3376, 0, 0)),
        ("iowa-electricity.csv", ("year", "source"), (51, 0, 0)),
        ("seattle-weather.csv", ("date",), (1461, 0, 0)),
        ("stocks.csv", ("symbol", "date"), (560, 0, 0)),
        ("us-employment.csv", ("month",), (120, 0, 0)),
        ("barley.json", ("variety", "year", "site"), (120, 0, 0)),
        ("ohlc.json", ("date",), (44, 0, 0)),
    ],
)
def test_propose_holds_files_that_others_made(
    file: str, key: tuple[str, ...], counts: tuple[int, int, int]
) -> None:
    proposal = propose_for(VEGA / file)

    assert proposal.key == key
    assert outcome(proposal) == counts


def test_propose_takes_a_file_from_hell(tmp_path: Path) -> None:
    rows = [
        (
            f"INV-{n:05}",
            f"Weg {n}, 1",
            f"{n:05}",
            "n/a" if n == 7 else f"{n}.50",
            n % 3,
            f"{n % 28 + 1}.1.2026",
        )
        for n in range(200)
    ]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(["Beleg", "Straße", "PLZ", "Betrag (€)", "order", "Datum"])
    writer.writerows([*rows, ("", "", "", "", "", ""), ("INV-x", "two\nlines", "1", "1", "1", "x")])

    proposal = propose_for(write(tmp_path, text.getvalue().encode("utf-8-sig")))

    assert proposal.key == ("beleg",)
    assert outcome(proposal) == (200, 0, 2)
    assert types(proposal) == {
        "beleg": "VARCHAR(32)",
        "strasse": "VARCHAR(32)",
        "plz": "VARCHAR(16)",
        "betrag_eur": "DECIMAL(12, 2)",
        "order_value": "INTEGER",
        "datum": "DATE",
    }
    found = {each["physicalName"]: each for each in _properties(proposal) if "physicalName" in each}
    assert found["betrag_eur"]["customProperties"][0]["value"] == {"n/a": None}
    assert found["datum"]["logicalTypeOptions"] == {"format": "d.M.yyyy"}
    assert "enum" not in found["order_value"]
    assert "n/a is NULL" in show(proposal)


def _properties(proposal: Proposal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(proposal.text)["schema"][0]["properties"]
    return found


def test_propose_suggests_rules_that_the_sample_meets(tmp_path: Path) -> None:
    lines = [f"R-{n:06},{'abc'[n % 3]},{n},{n / 10},{n % 90}.5" for n in range(90)]
    path = write(tmp_path, "\n".join(["ref,grade,quantity,change,latitude", *lines]))

    found = {each["name"]: each for each in _properties(propose_for(path))}

    assert found["ref"]["logicalTypeOptions"] == {"pattern": "^R-[0-9]{6}$"}
    assert [each["value"] for each in found["grade"]["enum"]] == ["a", "b", "c"]
    assert found["quantity"]["logicalTypeOptions"] == {"minimum": 0}
    assert "logicalTypeOptions" not in found["change"]
    assert found["latitude"]["logicalTypeOptions"] == {"minimum": -90, "maximum": 90}


def test_propose_tells_columns_of_an_ambiguous_header_by_position(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name,name,\n" + "".join(f"{n},a{n},b{n},c\n" for n in range(9)))

    proposal = propose_for(path)

    assert list(types(proposal)) == ["id", "name", "name_2", "column_4"]
    assert outcome(proposal) == (9, 0, 0)


def test_propose_sees_that_a_header_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"{n},item {n},{n}.25\n" for n in range(1, 9)))

    assert outcome(propose_for(path)) == (8, 0, 0)
    assert list(types(propose_for(path, hints=CsvHints(header=True)))) == [
        *("column_1", "item_1", "column_1_25")
    ]


def test_propose_reads_nested_json_and_leaves_out_what_no_contract_holds(tmp_path: Path) -> None:
    records = [
        {
            "id": n,
            "buyer": {"eMail": f"{n}@x.org"},
            "tags": ["a"],
            "m": [[1]],
            "lines": [{"q": 1.5}],
        }
        for n in range(3)
    ]
    path = write(tmp_path, "\n".join(map(json.dumps, records)), "things.jsonl.gz")
    path.write_bytes(gzip.compress(path.read_bytes()))

    proposal = propose_for(path)

    assert list(types(proposal)) == ["id", "buyer_e_mail", "tags", "lines"]
    assert outcome(proposal) == (3, 0, 0)
    assert '"m" is left out: its arrays are nested' in proposal.notes


def test_propose_looks_over_a_few_ids_that_come_again_or_lack(tmp_path: Path) -> None:
    lines = [f"I{n},{n % 3},{n}" for n in range(200)] + ["I7,1,8", ",2,5"]

    proposal = propose_for(write(tmp_path, "\n".join(["item_id,line,value", *lines])))

    assert proposal.key == ("item_id",)
    assert outcome(proposal) == (200, 1, 1)


def test_propose_with_a_given_key_counts_the_rows_that_share_it(tmp_path: Path) -> None:
    path = write(tmp_path, "Who Am I,what\n" + "a,1\na,2\nb,3\n")

    proposal = propose_for(path, "Who Am I")

    assert proposal.key == ("who_am_i",)
    assert outcome(proposal) == (2, 1, 0)


@pytest.mark.parametrize(
    "content, error, words",
    [
        ("", SourceError, "is empty"),
        ("a,b\n", SourceError, "has a header, but no rows"),
        ("a,b\n,\n,\n", SourceError, "has no values"),
        ("a,b\n1,2\n3\n4\n5\n", SourceError, "is ragged: the header has 2 fields"),
        (b"a,b\n1,M\xfcller\n", SourceError, 'line 2\n  fix: .*ENCODING=cp1252.*1,Müller"'),
        (b"a,b\n1,\0\n", SourceError, "NUL"),
        ('a,b\n1,"x\n2,y\n', SourceError, "line 3"),
        ("a,b\nx,y\nx,y\nx,z\n", UsageError, "no columns identify a row; nearest come a, b"),
    ],
)
def test_propose_refuses_what_is_no_table_with_a_key(
    tmp_path: Path, content: str | bytes, error: type[EtlError], words: str
) -> None:
    with pytest.raises(error) as refusal:
        propose_for(write(tmp_path, content))

    assert refusal.match(words)
    assert refusal.value.fix


@pytest.mark.parametrize("name", ["missing.csv", "things.xlsx"])
def test_read_sample_refuses_files_that_it_cannot_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        read_sample(tmp_path / name, hints=CsvHints(), most_rows=1)


def test_with_deployment_adds_a_line_like_the_others_once() -> None:
    line = '  - {{ <<: *full_pipeline, name: "{0}-{{{{ e }}}}", parameters: {{ dataset: {0} }} }}'
    text = "\n".join(map(line.format, ("airports", "orders"))) + "\n"

    once = with_deployment(text, "invoices")

    assert once.splitlines() == [line.format(each) for each in ("airports", "invoices", "orders")]
    assert with_deployment(once, "invoices") == once


CELLS = st.one_of(
    st.sampled_from(["", "NA", "0", "007", "1.50", "-3", "true", "2026-01-31", "1/2/2026", "x,y"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=6),
)


@settings(max_examples=30, deadline=None)
@given(
    header=st.lists(CELLS, min_size=2, max_size=4),
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=3, max_size=12),
)
def test_propose_any_table_with_an_id_loads_but_for_misfits(
    header: list[str], rows: list[list[str]]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["the_id", *header])
    writer.writerows([f"k{n}", *row[: len(header)]] for n, row in enumerate(rows))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), text.getvalue())
        hints = CsvHints(delimiter=",", header=True)
        proposal = propose_for(path, "the_id", hints=hints)

    misfits = sum(each.chosen.misfits for each in proposal.columns)
    assert proposal.trial.good + proposal.trial.rejected == len(rows)
    assert proposal.trial.rejected <= misfits
