"""Where the dataset comes from and where it goes: the contract's servers, for one environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from open_data_contract_standard.model import Server

from etl.contracts.names import name_fault, snake_case
from etl.contracts.problems import Problems, did_you_mean
from etl.model import Places, Source

# The servers that every contract has, and what type each may be.
_ROLES: dict[str, tuple[str, ...]] = {
    "source": ("api", "s3", "local"),
    "raw": ("s3",),
    "processed": ("s3",),
    "quarantine": ("s3",),
    "warehouse": ("redshift",),
    "catalog": ("athena",),
}
_SOURCE_SYSTEM = "sourceSystem"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_S3_URI = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s?#{}$]+")
_FORMATS: dict[str, Literal["csv", "jsonl"]] = {"csv": "csv", "jsonl": "jsonl"}


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
                near = did_you_mean(role, set(self._chosen) - set(_ROLES))
                self._problems.add(
                    f"servers.{role}",
                    f'there is no server "{role}" for environment {environment}{near}',
                    fix=f"add one with server: {role} and type: {' or '.join(types)}",
                )
                continue
            server, where = self._chosen[role]
            if server.type not in types:
                self._problems.add(
                    f"{where}.type",
                    f'server "{role}" cannot be of type {server.type}',
                    fix=f"write type: {' or '.join(types)}",
                )

    def read_places(self, table: str) -> Places:
        """The layers' prefixes and the table's schema and database."""
        prefixes = {role: self._prefix(role) for role in ("raw", "processed", "quarantine")}
        self._check_apart(prefixes)
        self._fill("warehouse", "database")
        return Places(
            **prefixes,
            schema=self._name("warehouse"),
            table=table,
            catalog_database=self._name("catalog"),
            catalog_table=table,
        )

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
        return Source(
            kind="api" if server.type == "api" else "file",
            name=str(name),
            location=self._fill("source", "path" if server.type == "local" else "location"),
            format=self._format(server, where),
            options={snake_case(key): self._filled(value, where) for key, value in options.items()},
        )

    def _format(self, server: Server, where: str) -> Literal["json", "jsonl", "csv"]:
        if server.type == "api":
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
                fix="write format: csv, or format: json with delimiter: new_line",
            )
        return _FORMATS.get(name, "jsonl")

    def _prefix(self, role: str) -> str:
        location = self._fill(role, "location")
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
