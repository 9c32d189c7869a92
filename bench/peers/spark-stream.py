# Kafka JSON into a Hudi table with Spark structured streaming, until the topic is read.
# Arguments: TABLE_PATH TABLE_TYPE BROKER TOPIC ROWS_PER_BATCH CHECKPOINT
import sys
from pyspark.sql import SparkSession, functions as F

path, table_type, broker, topic, rows_per_batch, checkpoint = sys.argv[1:7]
spark = SparkSession.builder.appName("bench").getOrCreate()
schema = "id string, ts long, rg string, us int, sk string, q int, p double, c string, st string, f boolean, u long, n string"
records = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", broker)
    .option("subscribe", topic)
    .option("startingOffsets", "earliest")
    .option("maxOffsetsPerTrigger", rows_per_batch)
    .load()
    .select(F.from_json(F.col("value").cast("string"), schema).alias("r"))
    .select("r.*")
)
options = {
    "hoodie.table.name": "peer",
    "hoodie.datasource.write.table.type": table_type,
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
    "hoodie.datasource.compaction.async.enable": "false",
    "hoodie.compact.inline": "false",
    "hoodie.clean.automatic": "false",
    "hoodie.upsert.shuffle.parallelism": "4",
    "hoodie.insert.shuffle.parallelism": "4",
}


def write(batch, _):
    batch.write.format("hudi").options(**options).mode("append").save(path)


records.writeStream.foreachBatch(write).option("checkpointLocation", checkpoint).trigger(availableNow=True).start().awaitTermination()
print("DONE", flush=True)
spark.stop()
