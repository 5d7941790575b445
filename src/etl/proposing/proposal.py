"""From a sample to a contract, which is tried on the sample before anybody sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.contracts import load_contract
from etl.contracts.load import ContractSettings
from etl.errors import UsageError
from etl.judge import Accepted, Judge, Rejected
from etl.model import Contract
from etl.proposing.columns import ProposedColumn, propose_columns
from etl.proposing.document import contract_text
from etl.proposing.keys import find_key, nearest_key
from etl.proposing.rules import suggest_rules
from etl.proposing.sample import Sample
from etl.sources.files.options import read_file_options
from etl.sources.files.reading import read_file
from etl.sources.files.source_file import LocalFile


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What becomes of the sample's records under the proposed contract.

    Attributes:
        good: Rows that would be loaded.
        copies: Good rows whose key another one has; one of them stays.
        rejected: Rows that would go to quarantine.
        reasons: The commonest reasons, each with a row's number.
    """

    good: int
    copies: int
    rejected: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A contract for a dataset of which a sample is known.

    Attributes:
        text: The contract's YAML.
        notes: What a person should know.
    """

    sample: Sample
    columns: Sequence[ProposedColumn]
    key: tuple[str, ...]
    text: str
    trial: Trial
    notes: tuple[str, ...]


def propose(
    sample: Sample,
    *,
    dataset: str,
    domain: str,
    key: Sequence[str],
    with_rules: bool,
    settings: ContractSettings,
    most_rows: int,
) -> Proposal:
    """Propose a contract.

    Args:
        key: Names of the columns that identify a row; () looks for them.
        most_rows: So many rows of the sample are tried.

    Raises:
        UsageError: No columns identify a row, or `key` names none.
        SourceError: The pipeline cannot read the file.
    """
    columns, left_out = propose_columns(sample)
    chosen = _given_key(columns, key) if key else find_key(columns, dataset)
    if not chosen:
        raise _no_key(columns, dataset)
    if with_rules:
        columns = [replace(c, rules=suggest_rules(c, is_key=c.name in chosen)) for c in columns]
    text = contract_text(sample, columns, dataset=dataset, domain=domain, key=chosen)
    contract = compile_text(text, dataset, settings)
    return Proposal(
        sample=sample,
        columns=columns,
        key=chosen,
        text=text,
        trial=_try(sample, contract, most_rows),
        notes=(*sample.notes, *left_out, *_column_notes(columns)),
    )


def compile_text(text: str, dataset: str, settings: ContractSettings) -> Contract:
    """The contract that a YAML text is."""
    with TemporaryDirectory() as folder:
        (Path(folder) / f"{dataset}.odcs.yaml").write_text(text, encoding="utf-8")
        return load_contract(dataset, settings=settings, folder=Path(folder))


def _given_key(columns: Sequence[ProposedColumn], key: Sequence[str]) -> tuple[str, ...]:
    """The columns that a person named, by their own or the file's names."""
    by_name = {".".join(each.path): each.name for each in columns}
    by_name |= {each.name: each.name for each in columns}
    if unknown := [each for each in key if each not in by_name]:
        raise UsageError(
            f"KEY: there is no column {', '.join(unknown)}",
            fix=f"name some of {', '.join(each.name for each in columns)}",
        )
    return tuple(dict.fromkeys(by_name[each] for each in key))


def _no_key(columns: Sequence[ProposedColumn], dataset: str) -> UsageError:
    nearest, over = nearest_key(columns, dataset)
    what = "no columns identify a row"
    if nearest:
        what += f"; nearest come {', '.join(nearest)}, which {over} rows share with others"
    return UsageError(
        what,
        fix="name the columns that should: KEY=col,col (of rows with the same key one stays)",
    )


def _try(sample: Sample, contract: Contract, most_rows: int) -> Trial:
    judge = Judge(contract, datetime.now(UTC).date())
    keys: Counter[tuple[object, ...]] = Counter()
    reasons: Counter[str] = Counter()
    first: dict[str, int] = {}
    rejected = 0
    for number, line in enumerate(islice(_lines(sample, contract), most_rows), start=1):
        verdict = judge(line)
        if isinstance(verdict, Accepted):
            keys[tuple(verdict.row[each] for each in contract.primary_key)] += 1
        elif isinstance(verdict, Rejected):
            rejected += 1
            for reason in verdict.reasons:
                reasons[reason] += 1
                first.setdefault(reason, number)
    shown = [
        f"{reason} ({count} rows, the first is {first[reason]})"
        for reason, count in reasons.most_common(5)
    ]
    good = keys.total()
    return Trial(good=len(keys), copies=good - len(keys), rejected=rejected, reasons=tuple(shown))


def _lines(sample: Sample, contract: Contract) -> Iterator[str]:
    file = LocalFile.at(sample.path.absolute(), sample.path.absolute().parent)
    for lines in read_file(file, contract=contract, options=read_file_options(contract)):
        yield from lines.data.decode(errors="surrogateescape").split("\n")[:-1]


def _column_notes(columns: Sequence[ProposedColumn]) -> Iterator[str]:
    for each in columns:
        if each.nulls == len(each.values):
            yield f"{each.name}: no record has a value; text is a guess"
        if each.chosen.note:
            yield f"{each.name}: {each.chosen.note}"
        if each.chosen.misfits:
            shown = ", ".join(each.chosen.examples)
            yield f"{each.name}: {each.chosen.misfits} values are no {each.type.kind}: {shown}"
