// `npm run bench [-- autoscale kafka postgres rounds scale storage surge take-over] [--minutes N] [--no-peer]`: the work of bench/README.md, measured in
// one run on this machine, ours beside the peer's. Prints a Markdown table at the end.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka } from '#test/bed/kafka.ts'
import { startPostgres } from '#test/bed/postgres.ts'
import { compare, sums, tables } from './autoscale/compare.ts'
import { paretoPlot } from './autoscale/plot.ts'
import { sparkScenarios } from './peers/spark.ts'
import { machine } from './process-cost.ts'
import type { Result } from './report.ts'
import { line, table } from './report.ts'
import { fillLargeTopic, fillTopic, kafkaScenarios, updateTopic } from './scenarios/kafka.ts'
import { postgresScenarios } from './scenarios/postgres.ts'
import { roundsScenarios } from './scenarios/rounds.ts'
import { takeOverTable } from './scale/take-overs.ts'
import { scaleScenario, scaleTable } from './scenarios/scale.ts'
import type { ScaleResult } from './scenarios/scale.ts'
import { storageScenario } from './scenarios/storage.ts'
import { surge, surgeFigure } from './scenarios/surge.ts'
import { takeOverScenario } from './scenarios/take-over.ts'
import { storageFigure, storagePlot } from './storage-plot.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    minutes: { type: 'string', default: '5' },
    peer: { type: 'boolean', default: true },
    jobs: { type: 'string', default: '100,1000,5000' },
    calm: { type: 'string', default: '60' },
    surge: { type: 'string', default: '2,4,8' },
    base: { type: 'string', default: '2000' },
  },
})
const chosen = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
const results: Result[] = []
const onResult = (result: Result): void => {
  results.push(result)
  console.log(line(result))
}

console.log(`${new Date().toISOString().slice(0, 10)}, ${await machine()}`)
if (chosen('kafka')) await kafka()
if (chosen('rounds')) await roundsScenarios(onResult, { peer: values.peer })
if (chosen('storage')) await storage()
if (chosen('postgres')) await postgres()
if (chosen('autoscale')) await autoscale()
if (chosen('scale')) await scale()
if (chosen('take-over')) await takeOver()
if (chosen('surge')) await surgeOnce()
if (results.length > 0) console.log(`\n${table(results)}`)

async function kafka(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  const broker = await startKafka()
  try {
    for (const fill of [fillTopic, updateTopic]) {
      const state = await fill(broker)
      await kafkaScenarios(broker, root, state, onResult)
      if (values.peer) await sparkScenarios(broker, root, state, onResult)
    }
    await kafkaScenarios(broker, root, await fillLargeTopic(broker), onResult)
  } finally {
    await broker.stop()
    await rm(root, { recursive: true, force: true })
  }
}

async function storage(): Promise<void> {
  const days = await storageScenario(45)
  await writeFile(join(import.meta.dirname, 'storage.svg'), storagePlot(days))
  console.log(`storage: ${storageFigure(days)}`)
}

async function postgres(): Promise<void> {
  const server = await startPostgres({ settings: { max_wal_size: '4GB' } })
  try {
    await postgresScenarios(server, Number(values.minutes), onResult)
  } finally {
    await server.stop()
  }
}

async function autoscale(): Promise<void> {
  const outcomes = await compare(({ trace }) => console.log(`autoscale: ${trace} done`))
  await writeFile(join(import.meta.dirname, 'autoscale.svg'), paretoPlot(sums(outcomes)))
  console.log(`\n${tables(outcomes)}`)
}

async function scale(): Promise<void> {
  const sizes: ScaleResult[] = []
  const jobs = values.jobs.split(',').map(Number)
  await scaleScenario(jobs, Number(values.calm) * 1000, size => {
    sizes.push(size)
    console.log(scaleTable([size]))
  })
  console.log(scaleTable(sizes))
}

async function takeOver(): Promise<void> {
  for (const jobs of values.jobs.split(',').map(Number))
    console.log(takeOverTable(await takeOverScenario(jobs)))
}

async function surgeOnce(): Promise<void> {
  const [calm = 2, high = 4, after = 8] = values.surge.split(',').map(Number)
  const moments = await surge({
    base: Number(values.base),
    factor: 8,
    minutes: [calm, high, after],
    onMoment: moment => console.log(JSON.stringify(moment)),
  })
  console.log(`surge: ${surgeFigure(moments, calm * 60_000)}`)
}
