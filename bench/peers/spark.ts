// Spark structured streaming with Hudi 1.2 on the same topic: the peer most lakes are written with today.
import { join } from 'node:path'
import type { BedKafka } from '#test/bed/kafka.ts'
import type { Result } from '../report.ts'
import type { TopicState } from '../scenarios/kafka.ts'
import { recordCount } from '../scenarios/kafka.ts'
import { sparkSubmit } from './spark-submit.ts'

/** Rows in one micro-batch: one round, which is Spark's best case. */
const rowsPerBatch = recordCount + 1

/** @param root where the tables are from one state of the topic to the next */
export async function sparkScenarios(
  broker: BedKafka,
  root: string,
  state: TopicState,
  onResult: (result: Result) => void,
): Promise<void> {
  for (const [type, table] of [
    ['COPY_ON_WRITE', 'keyed COPY_ON_WRITE'],
    ['MERGE_ON_READ', 'keyed MERGE_ON_READ'],
  ] as const) {
    const folder = join(root, `spark-${type}`)
    const args = [join(folder, 'table'), type, broker.brokers[0]!, state.topic, String(rowsPerBatch)]
    const { wallSeconds, cpuSeconds, peakRssMib, output } = await sparkSubmit('spark-stream.py', [
      ...args,
      join(folder, 'checkpoint'),
    ])
    if (!output.includes('DONE')) throw new Error(`Spark did not finish: ${output.slice(-2000)}`)
    onResult({
      scenario: `${state.scenario} → ${table}`,
      engine: 'Spark + Hudi',
      rows: state.records,
      wallSeconds,
      firstRowsSeconds: Number.NaN,
      steadyRowsPerSecond: Number.NaN,
      cpuSeconds,
      peakRssMib,
      note: 'Spark 3.5 + Hudi 1.2, local[2], upsert, bucket index, no metadata table',
    })
  }
}
