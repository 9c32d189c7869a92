// Runs a Spark program of this folder with Hudi 1.2 on two threads, as people run it on one machine.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir, hudiBundle, python, sparkKafkaDir } from '#test/bed/cache.ts'
import { ensureInstalled } from '#test/bed/install.ts'
import type { MeasuredProcess } from '../measured-process.ts'
import { runMeasured } from '../measured-process.ts'

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

/** @param program name of a Python file of this folder */
export async function sparkSubmit(program: string, args: readonly string[]): Promise<MeasuredProcess> {
  const home = join(cacheDir, 'py', 'lib', 'python3.11', 'site-packages', 'pyspark')
  for (const component of ['hudi', 'spark-kafka'] as const) await ensureInstalled(component)
  const kafkaJars = (await readdir(sparkKafkaDir)).filter(name => name.endsWith('.jar'))
  const jars = [hudiBundle('1.2.0'), ...kafkaJars.map(name => join(sparkKafkaDir, name))].join(',')
  // spark-submit becomes the JVM by exec, so its process is the JVM.
  const submitted = ['--master', 'local[2]', '--driver-memory', '4g', '--jars', jars, ...configuration]
  return runMeasured(
    join(home, 'bin', 'spark-submit'),
    [...submitted, join(import.meta.dirname, program), ...args],
    { SPARK_HOME: home, PYSPARK_PYTHON: python, TZ: 'UTC' },
  )
}
