// A thread of the comparison: the trace it is sent, through all seeds and policies.
import { parentPort } from 'node:worker_threads'
import { policies } from './policies.ts'
import { drawDay, simulate } from './simulate.ts'
import type { Outcome } from './simulate.ts'
import { traces } from './traces.ts'

export interface TraceRequest {
  trace: string
  seeds: readonly number[]
}

export interface TraceResult {
  trace: string
  /** Mean over the seeds, by policy. */
  outcomes: Record<string, Outcome>
}

const mean = (outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number =>
  outcomes.reduce((sum, outcome) => sum + of(outcome), 0) / outcomes.length

parentPort?.on('message', ({ trace, seeds }: TraceRequest) => {
  const days = seeds.map(seed =>
    drawDay(
      traces.find(({ name }) => name === trace)!,
      seed,
    ),
  )
  const outcomes: TraceResult['outcomes'] = {}
  for (const { name, make } of policies) {
    const all = days.map(day => simulate(day, make()))
    outcomes[name] = {
      violationMinutes: mean(all, outcome => outcome.violationMinutes),
      replicaHours: mean(all, outcome => outcome.replicaHours),
      rescales: mean(all, outcome => outcome.rescales),
    }
  }
  parentPort!.postMessage({ trace, outcomes } satisfies TraceResult)
})
