"""Where the dataset comes from and where it goes: the contract's servers, for one environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import Server

from etl.contracts.credentials import credentials_in
from etl.contracts.names import name_fault, snake_case
from etl.contracts.problems import Problems, did_you_mean
from etl.model import Places, Raw, Source, SourceFormat, SourceKind
from etl.partitioning import STRATEGIES

# The servers that a contract may have, and what type each may be.
_ROLES: dict[str, tuple[str, ...]] = {
    "source": ("api", "s3", "local", "custom"),
    "raw": ("s3", "local"),
    "processed": ("s3", "local"),
    "quarantine": ("s3", "local"),
    "warehouse": ("redshift",),
    "catalog": ("athena",),
}
# What a server is of no use without. A contract may end after any of its layers.
_NEEDS = {
    "processed": ("quarantine", "catalog"),
    "quarantine": ("processed",),
    "catalog": ("processed",),
    "warehouse": ("processed",),
}
_ALWAYS = ("source", "raw")
_LAYERS = ("raw", "processed", "quarantine")
_SOURCE_SYSTEM = "sourceSystem"
_CUSTOM_KINDS: dict[str, SourceKind] = {"sql": "sql", "stream": "stream"}
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_S3_URI = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s?#{}$'\"`\\\x00-\x1f]+")
_FORMATS: dict[str, SourceFormat] = {
    "csv": "csv",
    "json": "json",
    "jsonl": "jsonl",
    "parquet": "parquet",
}
_RAW_FORMATS = {"json": "jsonl", "csv": "csv", "parquet": "parquet", "protobuf": "protobuf"}
_COMPRESSIONS = ("gzip", "zstd", "none")
_RAW_OPTIONS = ("compression", "partitioning", "partitionColumn", "perSourceObject")


class Servers:
    """The servers that hold in one environment, with `${…}` filled in."""

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        environment: str,
        places: Mapping[str, str],
        problems: Problems,
    ) -> None:
        self._places = places
        self._problems = problems
        self._chosen = self._choose(servers, environment)
        self._check_roles(environment)

    def _choose(self, servers: Sequence[Server], environment: str) -> dict[str, tuple[Server, str]]:
        chosen: dict[str, tuple[Server, str]] = {}
        seen: dict[tuple[str | None, str | None], str] = {}
        for index, server in enumerate(servers):
            where = f"servers[{index}]"
            earlier = seen.setdefault((server.server, server.environment), where)
            if earlier != where:
                self._problems.add(
                    where,
                    f'server "{server.server}" stands there twice, see {earlier}',
                    fix="give each an environment of its own, or remove one",
                )
            is_specific = server.environment == environment
            if server.server and (is_specific or not server.environment):
                if is_specific or server.server not in chosen:
                    chosen[server.server] = (server, where)
        return chosen

    def _check_roles(self, environment: str) -> None:
        for role, types in _ROLES.items():
            if role not in self._chosen:
                self._check_absent(role, environment)
                continue
            server, where = self._chosen[role]
            if server.type not in types:
                self._problems.add(
                    f"{where}.type",
                    f'server "{role}" cannot be of type {server.type}',
                    fix=f"write type: {' or '.join(types)}",
                )

    def _check_absent(self, role: str, environment: str) -> None:
        near = did_you_mean(role, set(self._chosen) - set(_ROLES))
        needed_by = [
            each for each, needs in _NEEDS.items() if role in needs and each in self._chosen
        ]
        if role in _ALWAYS or near or needed_by:
            self._problems.add(
                f"servers.{role}",
                f'there is no server "{role}" for environment {environment}{near}',
                fix=f"add one with server: {role} and type: {' or '.join(_ROLES[role])}"
                + (f", or remove {needed_by[0]}" if needed_by else ""),
            )

    def read_places(self, table: str) -> Places:
        """The layers' prefixes and the table's schema and database."""
        prefixes = {role: self._prefix(role) for role in _LAYERS if role in self._chosen}
        self._check_apart(prefixes)
        self._fill("warehouse", "database")
        schema, database = self._name("warehouse"), self._name("catalog")
        return Places(
            **({"raw": ""} | prefixes),
            schema=schema,
            table=table if schema else "",
            catalog_database=database,
            catalog_table=table if database else "",
        )

    def read_raw(self, columns: Sequence[str]) -> Raw:
        """How raw objects are written.

        Args:
            columns: The fields of a received record, by which it can be laid out.
        """
        if "raw" not in self._chosen:
            return Raw()
        server, where = self._chosen["raw"]
        given = {each.property or "": each.value for each in server.customProperties or []}
        for name in set(given) - set(_RAW_OPTIONS):
            self._problems.add(
                f"{where}.customProperties",
                f'unknown "{name}"{did_you_mean(name, _RAW_OPTIONS)}',
                fix=f"use {', '.join(_RAW_OPTIONS)}",
            )
        format = (server.format or "").lower()
        raw = Raw(
            format=self._one_of(format, _RAW_FORMATS, f"{where}.format"),
            compression=self._one_of(
                given.get("compression", "none" if format == "parquet" else "gzip"),
                {each: each for each in _COMPRESSIONS},
                f"{where}.customProperties",
            ),
            strategy=self._one_of(
                given.get("partitioning", "date"),
                {each: each for each in STRATEGIES},
                f"{where}.customProperties",
            ),
            column=given.get("partitionColumn"),
            per_source_object=given.get("perSourceObject", False) is True,
        )
        self._check_raw(raw, columns, where)
        return raw

    def _check_raw(self, raw: Raw, columns: Sequence[str], where: str) -> None:
        needs_column = STRATEGIES[raw.strategy].needs_column
        if (needs_column and raw.column is None) or (raw.column and raw.column not in columns):
            self._problems.add(
                f"{where}.customProperties",
                f"partitioning {raw.strategy} by {raw.column!r}, which no record has",
                fix=f"set partitionColumn to one of {', '.join(columns)}",
            )
        if raw.format == "parquet" and raw.compression != "none":
            self._problems.add(
                f"{where}.customProperties",
                "Parquet is compressed inside",
                fix="leave compression out",
            )
        readable = raw.format == "jsonl" and raw.compression != "zstd"
        if "processed" in self._chosen and not readable:
            self._problems.add(
                f"{where}.format",
                f"the transform does not read {raw.format} compressed by {raw.compression}",
                fix="write format: json with compression gzip or none, or end the contract at raw",
            )

    def _one_of(self, value: object, known: Mapping[str, Any], where: str) -> Any:
        if value not in known:
            self._problems.add(
                where,
                f"{value!r} is not known here{did_you_mean(str(value), known)}",
                fix=f"use one of {', '.join(known)}",
            )
            return next(iter(known.values()))
        return known[str(value)]

    def read_source(self) -> Source:
        """Where records come from."""
        if "source" not in self._chosen:
            return Source(kind="file", name="", location="", format="jsonl")
        server, where = self._chosen["source"]
        options = {each.property or "": each.value for each in server.customProperties or []}
        name = options.pop(_SOURCE_SYSTEM, None)
        if not isinstance(name, str) or name_fault(name):
            self._problems.add(
                f"{where}.customProperties",
                f"{_SOURCE_SYSTEM} is {name!r}, it should name the system the records come from",
                fix=f"add - property: {_SOURCE_SYSTEM} with a value such as shop",
            )
        kind = self._kind(server, options, where)
        location = "" if kind == "stream" else self._location("source")
        filled = {snake_case(key): self._filled(value, where) for key, value in options.items()}
        for found in credentials_in(location, filled):
            self._problems.add(
                where,
                f"{found} stands there, and contracts are no secrets",
                fix="take it out, and name a Secrets Manager secret by the option secret, an"
                " API's with auth",
            )
        return Source(
            kind=kind,
            name=str(name),
            location=location,
            format=self._format(server, where),
            options=filled,
        )

    def _kind(self, server: Server, options: dict[str, Any], where: str) -> SourceKind:
        if server.type != "custom":
            return "api" if server.type == "api" else "file"
        kind: SourceKind = self._one_of(
            options.pop("kind", None), _CUSTOM_KINDS, f"{where}.customProperties"
        )
        return kind

    def _format(self, server: Server, where: str) -> SourceFormat:
        if server.type in ("api", "custom"):
            return "json"
        if (server.encoding or "UTF-8").upper() not in ("UTF-8", "UTF8"):
            self._problems.add(
                f"{where}.encoding", f"{server.encoding} is not read here", fix="convert to UTF-8"
            )
        name = (server.format or "").lower()
        if name == "json" and server.delimiter == "new_line":
            return "jsonl"
        if name not in _FORMATS:
            self._problems.add(
                f"{where}.format",
                f"{server.format!r} is not a format that is read",
                fix="write format: csv, json (delimiter: new_line for JSON lines) or parquet",
            )
        return _FORMATS.get(name, "jsonl")

    def _location(self, role: str) -> str:
        server, _ = self._chosen[role]
        return self._fill(role, "path" if server.type == "local" else "location")

    def _prefix(self, role: str) -> str:
        location = self._location(role)
        if self._chosen[role][0].type == "local":
            return location.rstrip("/") + "/"
        if location and not (_S3_URI.fullmatch(location) and location.endswith("/")):
            self._problems.add(
                f"{self._where(role)}.location",
                f'"{location}" is not an S3 prefix',
                fix="write s3://bucket/prefix/ with a slash at the end",
            )
        return location

    def _check_apart(self, prefixes: Mapping[str, str]) -> None:
        for role, prefix in prefixes.items():
            for other, around in prefixes.items():
                if prefix and around and role != other and prefix.startswith(around):
                    self._problems.add(
                        f"{self._where(role)}.location",
                        f'"{prefix}" lies in the {other} data, {around}',
                        fix="give each layer a prefix of its own",
                    )

    def _name(self, role: str) -> str:
        name = self._fill(role, "schema_")
        fault = name_fault(name) if name else None
        if fault:
            self._problems.add(f"{self._where(role)}.schema", fault, fix="use another name")
        return name

    def _where(self, role: str) -> str:
        return self._chosen[role][1] if role in self._chosen else f"servers.{role}"

    def _fill(self, role: str, attribute: str) -> str:
        """A server's value with `${…}` filled in, "" if it is missing."""
        if role not in self._chosen:
            return ""
        server, where = self._chosen[role]
        key = attribute.removesuffix("_")
        value = getattr(server, attribute)
        if not value:
            self._problems.add(f"{where}.{key}", "is missing", fix=f"add {key}:")
            return ""
        return str(self._filled(value, f"{where}.{key}"))

    def _filled(self, value: Any, where: str) -> Any:
        if not isinstance(value, str):
            return value
        return _PLACEHOLDER.sub(lambda found: self._place(found[1], where), value)

    def _place(self, name: str, where: str) -> str:
        if name not in self._places:
            self._problems.add(
                where,
                f"nothing is known of ${{{name}}}{did_you_mean(name, self._places)}",
                fix=f"set places: {name}: in the environment's config file",
            )
        return self._places.get(name, "")
