"""The JSON schema of a suite file, so that an editor knows what `vbench run` will refuse."""

from collections.abc import Collection
from typing import Any

import msgspec

from vbench import units
from vbench.suite import NAME, NETWORKS, STORAGES, Document, LadderTable, Method, Relations, TestbedSettings, families
from vbench.units import Bytes, Seconds, Share


def suite_schema() -> dict[str, Any]:
    """The JSON schema of a suite file, for editors; made of the same types that decode it."""
    from vbench import benchmarks, environments

    kinds = {**environments.KINDS, **benchmarks.KINDS}
    types = [_plain(kind) for kind in (Document, Method, TestbedSettings, LadderTable, Relations, *kinds.values())]
    schemas, parts = msgspec.json.schema_components(types, schema_hook=_quantity, ref_template="#/$defs/{name}")
    references = dict(zip(("document", "method", "testbed", "ladder", "relations", *kinds), schemas, strict=True))
    definitions = {name: dict(part) for name, part in parts.items()}
    document = definitions.pop(_name(references["document"]))
    for kind in kinds:
        named = kind in benchmarks.KINDS
        _add_kind(definitions[_name(references[kind])], kind, named=named)
    for kind in environments.KINDS:
        _add_relations(definitions[_name(references[kind])], definitions[_name(references["relations"])])
    definitions.pop(_name(references["relations"]))
    one_of = {
        "anyOf": [
            *(references[kind] for kind in environments.KINDS),
            _like(definitions, environments.KINDS, references),
        ]
    }
    plain = [kind for kind in benchmarks.KINDS if "." in kind]  # the others have no name by themselves
    listed = [{"enum": [*plain, *families(benchmarks.KINDS)]}, *(references[kind] for kind in benchmarks.KINDS)]
    names = {"pattern": f"^{NAME.pattern}$"}
    document["properties"] |= {
        "name": {"type": "string", **names},
        "method": references["method"],
        "testbed": references["testbed"],
        "environments": {"type": "object", "propertyNames": names, "additionalProperties": one_of, "minProperties": 1},
        "benchmarks": {"type": "array", "items": {"anyOf": listed}, "minItems": 1},
        "ladders": {"type": "object", "propertyNames": names, "additionalProperties": references["ladder"]},
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "title": "vbench suite"}
    return {**head, "description": "Environments × benchmarks × method.", "$defs": definitions}


def _name(reference: Any) -> str:
    """The name of the definition that a reference leads to."""
    path: str = reference["$ref"]
    return path.rpartition("/")[2]


def _add_relations(part: dict[str, Any], relations: dict[str, Any]) -> None:
    """Beside the keys of a kind stand those that every environment has."""
    choices = {"network": {"enum": list(NETWORKS)}, "storage": {"enum": list(STORAGES)}}
    plain = {key: choices.get(key, {"type": "string"}) for key in relations["properties"]}
    part["properties"] = {**part["properties"], **plain}


def _like(definitions: dict[str, Any], kinds: Collection[str], references: dict[str, Any]) -> dict[str, Any]:
    """A table that is like another one needs no `kind`, and may have the keys of any."""
    keys: dict[str, Any] = {}
    for kind in kinds:
        for key, value in definitions[_name(references[kind])]["properties"].items():
            keys[key] = {} if key in keys and keys[key] != value else value
    keys["kind"] = {"enum": list(kinds)}
    return {"type": "object", "properties": keys, "required": ["like"], "additionalProperties": False}


def _plain(kind: Any) -> type:
    """The same struct with defaults that JSON can write: msgspec asks no hook for those of Bytes, Seconds and Share."""
    fields = []
    for key in msgspec.structs.fields(kind):
        default = key.default
        if isinstance(default, Bytes | Seconds | Share):
            default = units.encode(default)
        field = msgspec.field(default=default, default_factory=key.default_factory, name=key.encode_name)  # type: ignore[call-overload]
        fields.append((key.name, key.type, field))
    space = {"__doc__": kind.__doc__}
    return msgspec.defstruct(kind.__name__, fields, namespace=space, kw_only=True, forbid_unknown_fields=True)


def _quantity(kind: type) -> dict[str, Any]:
    if kind in (Bytes, Seconds, Share):
        number = "integer" if kind is Bytes else "number"
        example = {Bytes: "256 MiB", Seconds: "10 min", Share: "2 %"}[kind]
        return {"anyOf": [{"type": number, "minimum": 0}, {"type": "string"}], "examples": [example]}
    raise NotImplementedError(f"no schema for {kind}")


def _add_kind(part: dict[str, Any], kind: str, *, named: bool) -> None:
    added: dict[str, Any] = {"kind": {"const": kind}}
    if named:
        added["name"] = {"type": "string", "pattern": f"^{NAME.pattern}$"}
        values = {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1}
        keys = dict.fromkeys(part.get("properties", {}), values)
        added["vary"] = {"type": "object", "properties": keys, "additionalProperties": False, "minProperties": 1}
    part["properties"] = {**added, **part.get("properties", {})}
    nameless = ["name"] if named and "." not in kind else []
    part["required"] = ["kind", *nameless, *part.get("required", [])]
