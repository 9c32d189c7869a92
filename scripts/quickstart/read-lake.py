# Reads a Hudi table with hudi-rs and prints its rows as JSON lines, every value as text (null as null):
# timestamps as microseconds, decimals with their scale. Usage: read-lake.py TABLE_PATH COLUMN...
import datetime, decimal, json, sys
from hudi import HudiReadOptions, HudiTableBuilder

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def text(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        return str((aware - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


columns = sys.argv[2:]
table = HudiTableBuilder.from_base_uri(sys.argv[1]).build()
for batch in table.read(HudiReadOptions()):
    values = [batch.column(batch.schema.get_field_index(name)).to_pylist() for name in columns]
    for row in zip(*values):
        sys.stdout.write(json.dumps([text(value) for value in row]) + "\n")
