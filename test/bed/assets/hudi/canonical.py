"""Canonical text of rows and an order-independent hash of them, the same for every reader.

test/bed/canonical.ts is the other half; test/golden/README.md describes the form. Works on Arrow columns rather than
on rows: each column becomes a list of JSON texts at once, which makes a million rows take seconds.
"""

import datetime
import decimal
import hashlib
import json
import math
from json.encoder import encode_basestring

import pyarrow as pa

META_COLUMNS = [
    "_hoodie_commit_time",
    "_hoodie_commit_seqno",
    "_hoodie_record_key",
    "_hoodie_partition_path",
    "_hoodie_file_name",
]
EPOCH = datetime.datetime(1970, 1, 1)


class RowSet:
    """Counts and hashes rows as they pass; keeps their texts, or writes them to a file, when asked to."""

    def __init__(self, meta=False, columns=None, keep=False, path=None):
        self.meta, self.columns, self.keep = meta, columns, keep
        self.count, self.sum, self.lines = 0, 0, []
        self.file = open(path, "w", encoding="utf-8") if path else None

    def add(self, batch):
        names = [n for n in batch.schema.names if self.meta or n not in META_COLUMNS]
        if self.columns is not None:
            names = [n for n in names if n in self.columns]
        names.sort()
        prefixed = []
        for name in names:
            prefix = encode_basestring(name) + ": "
            prefixed.append([prefix + text for text in texts(batch.column(batch.schema.get_field_index(name)))])
        total = 0
        for row in zip(*prefixed):
            line = "{" + ", ".join(row) + "}"
            total += int.from_bytes(hashlib.md5(line.encode()).digest(), "big")
            if self.keep:
                self.lines.append(line)
            if self.file:
                self.file.write(line + "\n")
        self.count += batch.num_rows
        self.sum = (self.sum + total) % (1 << 128)

    def result(self):
        """The JSON text of {count, hash, rows?}; rows are sorted by their text."""
        if self.file:
            self.file.close()
        head = '{"count": %d, "hash": "%032x"' % (self.count, self.sum)
        return head + (', "rows": [' + ",".join(sorted(self.lines)) + "]}" if self.keep else "}")


def texts(column):
    """The canonical JSON text of each value of an Arrow array."""
    kind = column.type
    types = pa.types
    if types.is_timestamp(kind):
        micros = column.cast(pa.timestamp("us", kind.tz)).cast(pa.int64()).to_pylist()
        return ["null" if v is None else '{"ts_us": %d}' % v for v in micros]
    if types.is_nested(kind):
        return [json.dumps(canonical(nested(v, kind)), sort_keys=True, ensure_ascii=False) for v in column.to_pylist()]
    return ["null" if v is None else scalar_writer(kind)(v) for v in column.to_pylist()]


def scalar_writer(kind):
    types = pa.types
    if types.is_integer(kind):
        return str
    if types.is_string(kind) or types.is_large_string(kind):
        return encode_basestring
    return lambda value: json.dumps(canonical(value), ensure_ascii=False)


def nested(value, kind):
    """An Arrow python value with structs marked, so that they are not taken for maps."""
    types = pa.types
    if value is None:
        return None
    if types.is_struct(kind):
        return Struct({field.name: nested(value[field.name], field.type) for field in kind})
    if types.is_map(kind):
        return {key: nested(item, kind.item_type) for key, item in value}
    if types.is_list(kind) or types.is_large_list(kind):
        return [nested(item, kind.value_type) for item in value]
    return value


class Struct(dict):
    pass


def canonical(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else repr(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        delta = value - EPOCH
        return {"ts_us": (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds}
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Struct):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, dict):
        pairs = [[canonical(key), canonical(item)] for key, item in value.items()]
        return {"map": sorted(pairs, key=lambda pair: json.dumps(pair[0]))}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    raise TypeError(f"no canonical form for {type(value).__name__}")
