"""Reads a contract's file: YAML, the standard's JSON schema, the standard's models."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pydantic
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from etl.contracts.problems import Problems, did_you_mean

API_VERSIONS = ("v3.2.0", "v3.1.0")
_MOST_VALUES = 100_000
_KEY_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


class _Yaml12Loader(yaml.SafeLoader):
    """YAML as version 1.2 reads it: NO is text, a date is text, a repeated key is an error."""

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if not tag.endswith("timestamp") and (first in "tTfF" or not tag.endswith("bool"))
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def get_single_node(self) -> yaml.Node | None:
        """The document; refused if its aliases make it endless, or too large to be walked over."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None and _unfolded(node, {}) > _MOST_VALUES:
            fault = f"its aliases unfold to more than {_MOST_VALUES:,} values"
            raise yaml.constructor.ConstructorError(None, None, fault, node.start_mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            fault = None
            if key.tag not in _KEY_TAGS:
                fault = "a key is not text"
            elif key.value in seen:
                fault = f'"{key.value}" stands there twice'
            if fault:
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _unfolded(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many values there are with each alias in its place."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = None
        inner = [each for pair in node.value for each in pair] if _is_mapping(node) else node.value
        known[id(node)] = 1 + sum(_unfolded(each, known) for each in inner)
    size = known[id(node)]
    if size is None:
        raise yaml.constructor.ConstructorError(
            None, None, "aliases must not hold themselves", node.start_mark
        )
    return size


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def read_document(path: Path, problems: Problems) -> OpenDataContractStandard:
    """The contract's file as the standard's model.

    What is wrong but does not keep the model from being read is added to `problems`.

    Raises:
        ContractError: It is no YAML mapping, or the models cannot hold it.
    """
    try:
        return _read_document(path, problems)
    except RecursionError:
        problems.add("", "is nested too deeply, or holds itself", fix="see docs/contracts.md")
        problems.raise_if_any()
        raise


def _read_document(path: Path, problems: Problems) -> OpenDataContractStandard:
    content = _load_yaml(path, problems)
    if content.get("apiVersion") not in API_VERSIONS:
        problems.add(
            "apiVersion",
            f"{content.get('apiVersion')!r} is not a version of the standard that is read here",
            fix=f"write apiVersion: {API_VERSIONS[0]}",
        )
    _find_unknown_keys(content, OpenDataContractStandard, "", problems)
    _check_schema(content, problems)
    try:
        return OpenDataContractStandard.model_validate(
            {key: value for key, value in content.items() if key in _keys(OpenDataContractStandard)}
        )
    except pydantic.ValidationError as error:
        for each in error.errors():
            problems.add(_path(each["loc"]), each["msg"], fix="see docs/contracts.md")
        problems.raise_if_any()
        raise


def _load_yaml(path: Path, problems: Problems) -> dict[str, Any]:
    content: Any = None
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Yaml12Loader)
    except UnicodeDecodeError as error:
        problems.add("", f"is not UTF-8: {error.reason} at byte {error.start}", fix="save as UTF-8")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problems.add("", f"is not YAML: {error.problem}{place}", fix="mend the file at that line")
    except (yaml.YAMLError, ValueError) as error:
        problems.add("", f"is not YAML: {error}", fix="mend the file")
    problems.raise_if_any()
    if not isinstance(content, dict):
        problems.add("", "is not a YAML mapping", fix="see docs/contracts.md")
        problems.raise_if_any()
    found: dict[str, Any] = content
    return found


def _find_unknown_keys(
    value: Any, model: type[pydantic.BaseModel], where: str, problems: Problems
) -> None:
    """The models ignore most keys they do not know, so that a typing error would go unseen."""
    known = _keys(model)
    for key, item in value.items():
        at = f"{where}.{key}" if where else str(key)
        if key not in known:
            problems.add(
                at,
                f"unknown key{did_you_mean(str(key), known)}",
                fix="write a key of the standard, or put it under customProperties",
            )
            continue
        inner = _model_of(known[key])
        if inner is None:
            continue
        if isinstance(item, dict):
            _find_unknown_keys(item, inner, at, problems)
        elif isinstance(item, list):
            for index, each in enumerate(item):
                if isinstance(each, dict):
                    _find_unknown_keys(each, inner, f"{at}[{index}]", problems)


def _keys(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_of(annotation: Any) -> type[pydantic.BaseModel] | None:
    """The model inside `list[Model] | None` and the like."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, pydantic.BaseModel) else None
    return next(filter(None, map(_model_of, typing.get_args(annotation))), None)


def _check_schema(content: dict[str, Any], problems: Problems) -> None:
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())
    validator = jsonschema.Draft201909Validator(schema)
    for error in _leaves(validator.iter_errors(content)):
        _report(error, problems)


def _leaves(errors: Iterator[Any]) -> Iterator[Any]:
    """Every error but those of `unevaluatedProperties`, which echo an error beside them."""
    return (error for error in errors if error.validator != "unevaluatedProperties")


def _report(error: Any, problems: Problems) -> None:
    where = _path(error.absolute_path)
    match error.validator:
        case "enum":
            near = did_you_mean(str(error.instance), map(str, error.validator_value))
            known = ", ".join(map(str, error.validator_value))
            problems.add(where, f"{error.instance!r} is not known{near}", fix=f"use one of {known}")
        case "required":
            missing = error.message.split("'")[1]
            at = f"{where}.{missing}" if where else missing
            problems.add(at, "is missing", fix=f"add {missing}:")
        case "additionalProperties":
            for key in set(error.instance) - set(error.schema.get("properties", {})):
                near = did_you_mean(key, error.schema.get("properties", {}))
                at = f"{where}.{key}" if where else key
                problems.add(at, f"unknown key{near}", fix="leave it out")
        case "type":
            wanted = error.validator_value
            fix = "put it in quotes" if wanted == "string" else f"write a value of type {wanted}"
            problems.add(where, f"{error.instance!r} is not of type {wanted}", fix=fix)
        case "oneOf" if any("mustBe" in str(each) for each in error.validator_value):
            problems.add(
                where, "needs exactly one of mustBe, mustBeLessThan, …", fix="for example mustBe: 0"
            )
        case _:
            problems.add(where, error.message, fix="see docs/contracts.md")


def _path(parts: Any) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".").replace("schema_", "schema")
