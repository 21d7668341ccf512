"""run.json: writing it, reading it, and its JSON Schema."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec

from neurochain.errors import Finding, InputError
from neurochain.reporting.faults import record_faults
from neurochain.reporting.records import SCHEMA, SCHEMA_VERSION, RunRecord

__all__ = ["json_schema", "read_record", "to_json"]

_MAX_BYTES = 1 << 30


class _Head(msgspec.Struct):
    """What every version of the file starts with."""

    schema: str = ""
    schema_version: int = 0


def to_json(record: RunRecord) -> str:
    """The record as one line of JSON. The same record gives the same bytes."""
    return msgspec.json.encode(record).decode()


def read_record(path: str | os.PathLike[str]) -> RunRecord:
    """Read run.json. Errors: InputError for anything else, naming what is wrong."""
    file = Path(path)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file}: is larger than {_MAX_BYTES} bytes; refused.")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from error
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.schema == SCHEMA and head.schema_version != SCHEMA_VERSION:
            raise InputError(
                f"{file}: has schema version {head.schema_version}, this neurochain reads "
                f"{SCHEMA_VERSION}. Make the report again, or update neurochain."
            )
        if head.schema != SCHEMA:
            raise InputError(
                f"{file}: is no report of a run (schema {head.schema!r}). Make one with "
                "neurochain simulate MODEL --input FILE --json > run.json."
            )
        record = msgspec.json.decode(data, type=RunRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{file}: is no report of a run, or is damaged ({error}). Make one with "
            "neurochain simulate MODEL --input FILE --json > run.json."
        ) from error
    findings = [Finding(where=str(file), what=f"{fault}.") for fault in record_faults(record)]
    if findings:
        raise InputError(*findings)
    return record


def json_schema() -> str:
    """The JSON Schema of run.json, as docs/report-schema.json holds it."""
    schema = msgspec.json.schema(RunRecord)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{SCHEMA}, version {SCHEMA_VERSION}",
    }
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"
