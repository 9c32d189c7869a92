// Every policy through every trace, over seeds that nothing was tuned on: as Markdown tables, and as a plot of what each
// policy costs against how often it is late.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { TraceResult } from './compare-thread.ts'
import { flinkTuned, policies } from './policies.ts'
import { sluice } from './sluice-policy.ts'
import type { Outcome } from './simulate.ts'
import { traces } from './traces.ts'

/** Constants were chosen by looking at seeds below 10. */
const seeds = Array.from({ length: 20 }, (_, at) => 100 + at)

/** @param onTrace called as traces are done, in any order */
export async function compare(onTrace: (result: TraceResult) => void): Promise<TraceResult[]> {
  const waiting = traces.map(({ name }) => name)
  const results: TraceResult[] = []
  const thread = async (): Promise<void> => {
    const worker = new Worker(new URL('compare-thread.ts', import.meta.url))
    for (let trace = waiting.shift(); trace !== undefined; trace = waiting.shift()) {
      worker.postMessage({ trace, seeds })
      const [result] = (await once(worker, 'message')) as [TraceResult]
      results.push(result)
      onTrace(result)
    }
    await worker.terminate()
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, thread))
  return traces.map(({ name }) => results.find(({ trace }) => trace === name)!)
}

export interface PolicySum extends Outcome {
  name: string
}

/** A day of each trace. */
export function sums(results: readonly TraceResult[]): PolicySum[] {
  return policies.map(({ name }) => {
    const sum = (of: (outcome: Outcome) => number): number =>
      results.reduce((total, { outcomes }) => total + of(outcomes[name]!), 0)
    return {
      name,
      violationMinutes: sum(outcome => outcome.violationMinutes),
      replicaHours: sum(outcome => outcome.replicaHours),
      rescales: sum(outcome => outcome.rescales),
    }
  })
}

export function tables(results: readonly TraceResult[]): string {
  const cell = ({ violationMinutes, replicaHours, rescales }: Outcome): string =>
    `${violationMinutes.toFixed(1)} / ${replicaHours.toFixed(0)} / ${rescales.toFixed(1)}`
  const shown = policies.map(({ name }) => name)
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    row(['minutes late / replica-hours / rescales a day', ...shown]),
    row(['---', ...shown.map(() => '---')]),
    ...results.map(({ trace, outcomes }) => row([trace, ...shown.map(name => cell(outcomes[name]!))])),
    '',
    row(['a day of each', 'minutes late', 'replica-hours', 'rescales']),
    row(['---', '---', '---', '---']),
    ...sums(results).map(({ name, violationMinutes, replicaHours, rescales }) =>
      row([name, violationMinutes.toFixed(0), replicaHours.toFixed(0), rescales.toFixed(0)]),
    ),
    '',
    verdict(results),
    '',
  ].join('\n')
}

const toleratedRatio = 1.1
/** A minute a day is not told from none. */
const toleratedMinutes = 1

/** Where Sluice is more than a tenth worse than the tuned Flink policy. */
export function verdict(results: readonly TraceResult[]): string {
  const worse = results.flatMap(({ trace, outcomes }) => {
    const [ours, theirs] = [outcomes[sluice.name]!, outcomes[flinkTuned.name]!]
    const late = Math.max(
      theirs.violationMinutes * toleratedRatio,
      theirs.violationMinutes + toleratedMinutes,
    )
    const axes = [
      ...(ours.violationMinutes > late ? ['minutes late'] : []),
      ...(ours.replicaHours > theirs.replicaHours * toleratedRatio ? ['replica-hours'] : []),
    ]
    return axes.map(axis => `${trace} (${axis})`)
  })
  if (worse.length === 0)
    return `On no trace is Sluice more than 10 % worse than ${flinkTuned.name} in minutes late or in replica-hours.`
  return `More than 10 % worse than ${flinkTuned.name}: ${worse.join(', ')}.`
}
