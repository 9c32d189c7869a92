# Reads a Parquet file with pyarrow and with DuckDB and prints what each saw, as JSON: column -> values.
# 64-bit integers, timestamps (microseconds) and decimals (unscaled) as text, floats by their bits, bytes as hex.
import decimal
import json
import struct
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

decimal.getcontext().prec = 60


def plain(value, kind):
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        return [[key, plain(item, kind.item_type)] for key, item in value]
    if pa.types.is_struct(kind):
        return {field.name: plain(value[field.name], field.type) for field in kind}
    if pa.types.is_decimal(kind):
        return str(int(value.scaleb(kind.scale)))
    if pa.types.is_floating(kind):
        return struct.pack('>f' if kind == pa.float32() else '>d', value).hex()
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return bytes(value).hex()
    return str(value) if kind == pa.int64() else value


def without_times(kind):
    """The type with numbers for dates and timestamps: Python's own have fewer years."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_date32(kind):
        return pa.int32()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(without_times(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, without_times(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(without_times(field.type)) for field in kind])
    return kind


def columns(table):
    seen = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp('us', column.type.tz))
        column = column.cast(without_times(column.type))
        seen[name] = [plain(value, column.type) for value in column.to_pylist()]
    return seen


path = sys.argv[1]
arrow = pq.read_table(path)
connection = duckdb.connect()
connection.execute("set TimeZone = 'UTC'")
duck = connection.sql('select * from read_parquet($1)', params=[path]).to_arrow_table()
metadata = pq.ParquetFile(path)
chunk = metadata.metadata.row_group(0)
bounds = {}
for index in range(chunk.num_columns):
    column = chunk.column(index)
    if column.statistics is not None and column.statistics.has_min_max:
        bounds[column.path_in_schema] = [str(column.statistics.min), str(column.statistics.max)]
print(
    json.dumps(
        {
            'pyarrow': columns(arrow),
            'duckdb': columns(duck),
            'types': {field.name: str(field.type) for field in arrow.schema},
            'physical': {
                metadata.schema.column(index).path: metadata.schema.column(index).physical_type
                for index in range(len(metadata.schema.names))
            },
            'bounds': bounds,
            'keyValues': {
                key.decode(): value.decode() for key, value in (arrow.schema.metadata or {}).items()
            },
        }
    )
)
