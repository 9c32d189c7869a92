// `npm run bench [-- kafka postgres spark] [--minutes N]`: the work of bench/README.md, measured in one run on this
// machine, ours beside the peer's. Prints a Markdown table at the end.
import { parseArgs } from 'node:util'
import { startKafka } from '#test/bed/kafka.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { sparkScenarios } from './peers/spark.ts'
import { machine } from './process-cost.ts'
import type { Result } from './report.ts'
import { line, table } from './report.ts'
import { fillTopic, kafkaScenarios } from './scenarios/kafka.ts'
import { postgresScenarios } from './scenarios/postgres.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '5' } },
})
const chosen = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
const results: Result[] = []
const onResult = (result: Result): void => {
  results.push(result)
  console.log(line(result))
}

console.log(`${new Date().toISOString().slice(0, 10)}, ${await machine()}`)
if (chosen('kafka') || chosen('spark')) {
  const broker = await startKafka()
  try {
    console.log(`topic filled, ${(await fillTopic(broker)).toFixed(1)} bytes a record`)
    if (chosen('kafka')) await kafkaScenarios(broker, onResult)
    if (chosen('spark')) await sparkScenarios(broker, onResult)
  } finally {
    await broker.stop()
  }
}
if (chosen('postgres')) {
  const server = await startPostgres({ settings: { max_wal_size: '4GB' } })
  try {
    await postgresScenarios(server, Number(values.minutes), onResult)
  } finally {
    await server.stop()
  }
}
console.log(`\n${table(results)}`)
