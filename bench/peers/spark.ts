// Spark structured streaming with Hudi 1.2 on the same topic: the peer most lakes are written with today.
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDir, hudiBundle, python } from '#test/bed/cache.ts'
import type { BedKafka } from '#test/bed/kafka.ts'
import type { ProcessCost } from '../process-cost.ts'
import { processCost } from '../process-cost.ts'
import type { Result } from '../report.ts'
import { recordCount, topic } from '../scenarios/kafka.ts'

/** Rows in one micro-batch: one round, which is Spark's best case. */
const rowsPerBatch = recordCount + 1

export async function sparkScenarios(broker: BedKafka, onResult: (result: Result) => void): Promise<void> {
  for (const [type, scenario] of [
    ['COPY_ON_WRITE', 'Kafka JSON → append'],
    ['MERGE_ON_READ', 'Kafka JSON → keyed MERGE_ON_READ'],
  ] as const) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-spark-'))
    try {
      const { wallSeconds, cpuSeconds, peakRssMib } = await runSpark(broker, type, folder)
      const note = 'Spark 3.5 + Hudi 1.2, local[2], upsert, bucket index, no metadata table'
      onResult({
        scenario,
        engine: 'Spark + Hudi',
        rows: recordCount,
        wallSeconds,
        firstRowsSeconds: Number.NaN,
        steadyRowsPerSecond: Number.NaN,
        cpuSeconds,
        peakRssMib,
        note,
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function runSpark(
  broker: BedKafka,
  type: string,
  folder: string,
): Promise<ProcessCost & { wallSeconds: number }> {
  const home = join(cacheDir, 'py', 'lib', 'python3.11', 'site-packages', 'pyspark')
  const kafkaJars = (await readdir(join(cacheDir, 'hudi', 'kafka')))
    .filter(name => name.endsWith('.jar'))
    .map(name => join(cacheDir, 'hudi', 'kafka', name))
  const script = join(import.meta.dirname, 'spark-stream.py')
  const configuration = [
    'spark.ui.enabled=false',
    'spark.ui.showConsoleProgress=false',
    'spark.serializer=org.apache.spark.serializer.KryoSerializer',
    'spark.kryo.registrator=org.apache.spark.HoodieSparkKryoRegistrar',
    'spark.sql.extensions=org.apache.spark.sql.hudi.HoodieSparkSessionExtension',
    'spark.sql.catalog.spark_catalog=org.apache.spark.sql.hudi.catalog.HoodieCatalog',
    'spark.sql.shuffle.partitions=4',
    'spark.default.parallelism=4',
    'spark.driver.bindAddress=127.0.0.1',
    'spark.driver.host=127.0.0.1',
    'spark.driver.extraJavaOptions=-Duser.timezone=UTC',
  ].flatMap(setting => ['--conf', setting])
  const jars = [hudiBundle('1.2.0'), ...kafkaJars].join(',')
  const args = [
    '--master',
    'local[2]',
    '--driver-memory',
    '4g',
    '--jars',
    jars,
    ...configuration,
    script,
    join(folder, 'table'),
    type,
    broker.brokers[0]!,
    topic,
    String(rowsPerBatch),
    join(folder, 'checkpoint'),
  ]
  const startedAtMs = performance.now()
  const env = { ...process.env, SPARK_HOME: home, PYSPARK_PYTHON: python, TZ: 'UTC' }
  const child = spawn(join(home, 'bin', 'spark-submit'), args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  let cost: ProcessCost = { cpuSeconds: 0, peakRssMib: 0 }
  // spark-submit execs the JVM, so its process is the JVM; it is looked at while it lives.
  const timer = setInterval(
    () =>
      void processCost(child.pid!).then(
        // A process that has ended still has its times, but no memory any more.
        now => (cost = { ...now, peakRssMib: Math.max(now.peakRssMib, cost.peakRssMib) }),
        () => undefined,
      ),
    200,
  )
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise(resolve => child.once('exit', resolve))
  clearInterval(timer)
  if (code !== 0 || !output.includes('DONE'))
    throw new Error(`Spark ended with ${String(code)}: ${output.slice(-2000)}`)
  return { ...cost, wallSeconds: (performance.now() - startedAtMs) / 1000 }
}
