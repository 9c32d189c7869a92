// The autoscaler of Flink's Kubernetes operator, written from its documentation and defaults: the true processing rate is
// input over busy time of the busiest subtask, the target rate adds what catching up needs, and parallelism follows their
// ratio. Parallelism is counted in replicas. Alignment to divisors of the partitions is left out, as is the detection of
// ineffective scale-ups (off by default): both would cost it replicas or lag here.
import type { Policy, PolicyKind, View } from './policy.ts'

export interface FlinkTerms {
  windowMs: number
  stabilizationMs: number
  catchUpMs: number
  restartMs: number
  scaleDownDelayMs: number
  utilization: number
}

export const flinkDefaults: FlinkTerms = {
  windowMs: 900_000,
  stabilizationMs: 300_000,
  catchUpMs: 1_800_000,
  restartMs: 300_000,
  scaleDownDelayMs: 3_600_000,
  utilization: 0.7,
}

/** Half the width of the band of utilization in which nothing is done. */
const band = 0.3
/** No scale-down below this part at once. */
const downFactorMin = 0.4
/** With more lag nothing is scaled down. */
const lagForNoDownMs = 300_000
/** Lag from which the observed rate counts as what it can do. */
const lagForObservedMs = 30_000
const observedRatio = 1.15

export function flink(name: string, terms: Partial<FlinkTerms>): PolicyKind {
  return { name, family: 'Flink', make: () => new FlinkPolicy({ ...flinkDefaults, ...terms }) }
}

interface Sample {
  atMs: number
  input: number
  processed: number
  busiest: number
  /** Of the time, over all lanes, in which the target did not hold it up. */
  free: number
  lag: number
}

interface Evaluation {
  ingest: number
  lag: number
  /** What the job could process at its present parallelism. */
  trueRate: number
}

class FlinkPolicy implements Policy {
  readonly #terms: FlinkTerms
  #samples: Sample[] = []
  #from = 0
  #down: { sinceMs: number; most: number } | null = null

  constructor(terms: FlinkTerms) {
    this.#terms = terms
  }

  decide(view: View): { replicas: number; lanes: number } {
    const { nowMs, running, limits } = view
    const stay = { replicas: running.replicas, lanes: limits.lanesMax }
    // Measuring begins anew when the job runs again, and after the time to settle.
    if (running.readyReplicas < running.replicas) this.#from = nowMs + this.#terms.stabilizationMs
    const sample = sampleOf(view)
    if (sample === null || nowMs < this.#from) return stay
    this.#samples = this.#samples.filter(
      ({ atMs }) => atMs >= this.#from && atMs >= nowMs - this.#terms.windowMs,
    )
    this.#samples.push(sample)
    if (nowMs - Math.max(this.#from, this.#samples[0]!.atMs) < this.#terms.windowMs - 20_000) return stay
    const replicas = this.#replicas(this.#evaluate(), view)
    if (replicas !== running.replicas) {
      this.#samples = []
      this.#from = nowMs + this.#terms.stabilizationMs
      this.#down = null
    }
    return { ...stay, replicas }
  }

  #evaluate(): Evaluation {
    const mean = (of: (sample: Sample) => number): number =>
      this.#samples.reduce((sum, sample) => sum + of(sample), 0) / this.#samples.length
    const ingest = mean(({ input }) => input)
    const busyRate =
      mean(({ processed }) => processed) /
      Math.max(
        0.01,
        mean(({ busiest }) => busiest),
      )
    const behind = this.#samples.filter(({ lag }) => lag * 1000 >= ingest * lagForObservedMs)
    const observed =
      behind.reduce((sum, { processed, free }) => sum + processed / Math.max(0.01, free), 0) / behind.length
    const trueRate = behind.length > 0 && busyRate > observed * observedRatio ? observed : busyRate
    return { ingest, lag: this.#samples.at(-1)!.lag, trueRate }
  }

  #replicas({ ingest, lag, trueRate }: Evaluation, { nowMs, running, limits }: View): number {
    const { catchUpMs, restartMs, utilization, scaleDownDelayMs } = this.#terms
    const target = (share: number): number =>
      (lag * 1000) / catchUpMs + (ingest * restartMs) / catchUpMs + ingest / share
    const behindMs = ingest === 0 ? 0 : (lag / ingest) * 1000
    const up = trueRate < target(Math.min(1, utilization + band))
    const down = behindMs <= lagForNoDownMs && trueRate > target(utilization - band)
    if (!up && !down) {
      this.#down = null
      return running.replicas
    }
    const factor = Math.max(downFactorMin, target(utilization) / trueRate)
    const wanted = Math.ceil(running.replicas * factor)
    const replicas = Math.min(limits.maxReplicas, Math.max(limits.minReplicas, wanted))
    if (replicas >= running.replicas) {
      this.#down = null
      return replicas
    }
    this.#down ??= { sinceMs: nowMs, most: 0 }
    this.#down.most = Math.max(this.#down.most, replicas)
    return nowMs - this.#down.sinceMs < scaleDownDelayMs ? running.replicas : this.#down.most
  }
}

function sampleOf({ nowMs, measurements: { splits, lanes } }: View): Sample | null {
  if (lanes.length === 0 || splits.every(({ measuredAtMs }) => measuredAtMs < nowMs - 60_000)) return null
  return {
    atMs: nowMs,
    input: splits.reduce((sum, { inputPerSecond }) => sum + inputPerSecond, 0),
    processed: splits.reduce((sum, { processedPerSecond }) => sum + processedPerSecond, 0),
    busiest: Math.max(...lanes.map(({ busyShare }) => busyShare)),
    free: 1 - lanes.reduce((sum, { blockedShare }) => sum + blockedShare, 0) / lanes.length,
    lag: splits.reduce((sum, { lagRecords }) => sum + lagRecords, 0),
  }
}
