# The work of bench/lake/rounds.ts with Spark's Hudi: a base, then rounds of upserts to the rows that FOLDER/keys-<round>
# name, compacted inline after every fifth delta commit. Prints one line of JSON a stage.
# Arguments: FOLDER ROWS ROUNDS
import json
import sys
import time
from pyspark.sql import SparkSession, functions as F

folder, rows, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
started = time.time()
spark = SparkSession.builder.appName("bench").getOrCreate()
options = {
    "hoodie.table.name": "orders",
    "hoodie.datasource.write.table.type": "MERGE_ON_READ",
    "hoodie.datasource.write.operation": "upsert",
    "hoodie.datasource.write.recordkey.field": "id",
    "hoodie.datasource.write.precombine.field": "ts",
    "hoodie.datasource.write.partitionpath.field": "",
    "hoodie.datasource.write.keygenerator.class": "org.apache.hudi.keygen.NonpartitionedKeyGenerator",
    "hoodie.datasource.write.payload.class": "org.apache.hudi.common.model.DefaultHoodieRecordPayload",
    "hoodie.index.type": "BUCKET",
    "hoodie.bucket.index.num.buckets": "4",
    "hoodie.bucket.index.hash.field": "id",
    "hoodie.write.table.version": "8",
    "hoodie.write.auto.upgrade": "false",
    "hoodie.metadata.enable": "false",
    "hoodie.embed.timeline.server": "false",
    "hoodie.parquet.small.file.limit": "0",
    "hoodie.compact.inline": "true",
    "hoodie.compact.inline.max.delta.commits": "5",
    "hoodie.clean.automatic": "false",
    "hoodie.upsert.shuffle.parallelism": "4",
    "hoodie.insert.shuffle.parallelism": "4",
}


def mixed(round_, field):
    summed = (F.col("row") * 7919 + F.lit(round_ * 104729 + field * 1299709)) % 15485863
    return summed * summed % 15485863


def pick(values, index):
    return F.element_at(F.array(*[F.lit(v) for v in values]), (index + 1).cast("int"))


def state(numbers, round_):
    """`numbers` has the columns row and at: a row's number and its place in the round."""
    ts = F.col("at") + F.lit(round_ * rows)
    return numbers.select(
        F.concat(F.lit("k"), F.lpad(F.col("row").cast("string"), 7, "0")).alias("id"),
        ts.alias("ts"),
        pick(["eu", "us", "ap", "af"], F.col("row") % 4).alias("rg"),
        (mixed(round_, 2) % 100000).cast("int").alias("us"),
        F.concat(F.lit("s-"), (mixed(round_, 4) % 9999).cast("string")).alias("sk"),
        (mixed(round_, 2) % 100).cast("int").alias("q"),
        ((mixed(round_, 3) % 100000) / 100).cast("double").alias("p"),
        pick(["EUR", "USD", "JPY"], mixed(round_, 5) % 3).alias("c"),
        pick(["new", "paid", "sent", "done"], mixed(round_, 6) % 4).alias("st"),
        (mixed(round_, 1) % 2 == 1).alias("f"),
        (F.lit(1790000000000) + ts).alias("u"),
        F.concat(F.lit("note"), (mixed(round_, 7) % 99999).cast("string")).alias("n"),
    )


def upsert(numbers, round_):
    state(numbers, round_).write.format("hudi").options(**options).mode("append").save(folder + "/spark")


def stage(name):
    print(json.dumps({"stage": name, "seconds": time.time() - started}), flush=True)


upsert(spark.range(rows).select(F.col("id").alias("row"), F.col("id").alias("at")), 0)
stage("base")
for r in range(1, rounds + 1):
    upsert(spark.read.schema("row long, at long").csv(f"{folder}/keys-{r}"), r)
    stage(f"round {r}")
spark.stop()
