"""Reads Hudi tables with Spark, the reference reader. usage: spark_reader.py CLASS_PATH LOG4J_PROPERTIES

A result goes to a temporary Parquet file and from there into the same Arrow code as hudi-rs: what Spark says is then
canonicalised by one program, and a million rows need not pass through the Python bridge one by one.
"""

import os
import shutil
import sys
import tempfile
import time

from serve import serve

os.environ["TZ"] = "UTC"
time.tzset()

import pyarrow.parquet as pq  # noqa: E402
from canonical import RowSet  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402

CLASS_PATH, LOG4J_PROPERTIES = sys.argv[1], sys.argv[2]
WORK = tempfile.mkdtemp(prefix="sluice-spark-")
JAVA_OPTIONS = [
    "-Duser.timezone=UTC",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djol.skipHotspotSAAttach=true",
    "-Dlog4j.configurationFile=" + LOG4J_PROPERTIES,
    "-Dderby.system.home=" + WORK,
]
CONF = {
    "spark.driver.extraClassPath": CLASS_PATH,
    "spark.driver.extraJavaOptions": " ".join(JAVA_OPTIONS),
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.local.dir": WORK,
    "spark.sql.warehouse.dir": WORK + "/warehouse",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.default.parallelism": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.kryo.registrator": "org.apache.spark.HoodieSparkKryoRegistrar",
    "spark.sql.extensions": "org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.hudi.catalog.HoodieCatalog",
    "spark.hadoop.fs.s3a.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
}

os.environ["PYSPARK_SUBMIT_ARGS"] = "--driver-memory 1g pyspark-shell"
builder = SparkSession.builder.master("local[2]").appName("sluice-bed")
for key, value in CONF.items():
    builder = builder.config(key, value)
first_session = builder.getOrCreate()
spark = first_session
s3_in_use = None


def begin(_request):
    """A new session, without the settings and views of the one before."""
    global spark
    spark = first_session.newSession()
    sessions = spark._jvm.org.apache.spark.sql.SparkSession
    sessions.setActiveSession(spark._jsparkSession)
    sessions.setDefaultSession(spark._jsparkSession)
    return "null"


def use_s3(s3):
    """Points s3a:// at another server; open file systems keep the old one, so they are closed."""
    global s3_in_use
    if s3 is None or s3 == s3_in_use:
        return
    hadoop = spark._jsc.hadoopConfiguration()
    hadoop.set("fs.s3a.endpoint", s3["endpoint"])
    hadoop.set("fs.s3a.access.key", s3["accessKey"])
    hadoop.set("fs.s3a.secret.key", s3["secretKey"])
    # For the client of Hudi's storage-based lock, which knows no Hadoop configuration.
    for key in ("endpoint", "accessKey", "secretKey"):
        spark._jvm.java.lang.System.setProperty("bed.s3." + key, s3[key])
    hadoop.set("fs.s3a.connection.ssl.enabled", str(s3["endpoint"].startswith("https")).lower())
    # Hudi keeps the logs it reads open until it has read them all. With more than 96, the default of Hadoop 3.3, it waits
    # for minutes and then fails ("Exception when reading log file"); 500 is that of Hadoop 3.4.
    hadoop.set("fs.s3a.connection.maximum", "500")
    spark._jvm.org.apache.hadoop.fs.FileSystem.closeAll()
    s3_in_use = s3


def load(request):
    use_s3(request.get("s3"))
    reader = spark.read.format("hudi")
    if request.get("asOf"):
        reader = reader.option("as.of.instant", request["asOf"])
    if request.get("incrementalFrom"):
        reader = reader.option("hoodie.datasource.query.type", "incremental")
        reader = reader.option("hoodie.datasource.read.begin.instanttime", request["incrementalFrom"])
    if request.get("readOptimized"):
        reader = reader.option("hoodie.datasource.query.type", "read_optimized")
    for key, value in request.get("options", {}).items():
        reader = reader.option(key, value)
    return reader.load(request["url"])


def row_set(frame, request):
    rows = RowSet(request.get("meta", False), request.get("columns"), request["keep"], request.get("path"))
    if not frame.columns:  # a write
        return rows.result()
    folder = tempfile.mkdtemp(dir=WORK)
    try:
        frame.write.mode("overwrite").parquet(folder + "/rows")
        for name in sorted(os.listdir(folder + "/rows")):
            if name.endswith(".parquet"):
                for batch in pq.ParquetFile(f"{folder}/rows/{name}").iter_batches(batch_size=20000):
                    rows.add(batch)
    finally:
        shutil.rmtree(folder)
    return rows.result()


def read(request):
    return row_set(load(request), request)


def sql(request):
    """A query sees a view with the options of the request; writes and procedures need a table of the catalog."""
    if request["text"].lower().startswith(("set ", "reset ")):  # of the session: a table would cost half a second each
        spark.sql(request["text"])
        return RowSet().result()
    use_s3(request.get("s3"))
    spark.sql("drop view if exists t")
    if request["text"].lstrip().lower().startswith(("select", "with")):
        load(request).createOrReplaceTempView("t")
        return row_set(spark.sql(request["text"]), request)
    spark.sql(f"create table t using hudi location '{request['url']}'")
    try:
        return row_set(spark.sql(request["text"]), request)
    finally:
        spark.sql("drop table t")


def write(request):
    """Appends the rows of a query, with options SQL has no place for."""
    use_s3(request.get("s3"))
    frame = spark.sql(request["text"])
    frame.write.format("hudi").options(**request["options"]).mode("append").save(request["url"])
    return RowSet(False, None, False, None).result()


try:
    serve({"begin": begin, "read": read, "sql": sql, "write": write})
finally:
    spark.stop()
    shutil.rmtree(WORK, ignore_errors=True)
