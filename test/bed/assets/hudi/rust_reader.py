"""Reads Hudi tables with hudi-rs, the reader that shares no code with Java Hudi."""

from serve import serve

from canonical import RowSet
from hudi import HudiQueryType, HudiReadOptions
from hudi._internal import build_hudi_table


def storage_options(s3):
    if s3 is None:
        return {}
    return {
        "AWS_ENDPOINT": s3["endpoint"],
        "AWS_ACCESS_KEY_ID": s3["accessKey"],
        "AWS_SECRET_ACCESS_KEY": s3["secretKey"],
        "AWS_REGION": s3.get("region", "us-east-1"),
        "AWS_ALLOW_HTTP": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
    }


def read(request):
    table = build_hudi_table(
        request["url"],
        storage_options=storage_options(request.get("s3")),
        hudi_options=request.get("options", {}),
    )
    options = HudiReadOptions()
    if request.get("asOf"):
        options = options.with_as_of_timestamp(request["asOf"])
    if request.get("incrementalFrom"):
        options = options.with_query_type(HudiQueryType.Incremental).with_start_timestamp(request["incrementalFrom"])
    if request.get("readOptimized"):
        options = options.with_hudi_option("hoodie.read.use.read_optimized.mode", "true")
    if request.get("filters"):
        options = options.with_filters([tuple(given) for given in request["filters"]])
    rows = RowSet(request.get("meta", False), request.get("columns"), request["keep"], request.get("path"))
    for batch in table.read(options):
        rows.add(batch)
    return rows.result()


serve({"read": read})
