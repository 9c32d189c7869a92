// KEDA's Kafka scaler with the HorizontalPodAutoscaler behind it: replicas = lag / threshold. Written from their
// documentation: lag in records, capped at what the partitions give work to; tolerance 10 %, at most doubled or four pods
// more in 15 s, and down only to the most that was asked for in the last five minutes. Threshold in records per replica.
import type { Policy, PolicyKind, View } from './policy.ts'

const tolerance = 0.1
const stabilizationMs = 300_000

export function keda(threshold: number): PolicyKind {
  return {
    name: `KEDA, ${threshold.toLocaleString('en-US')}`,
    family: 'KEDA',
    make: () => new KedaPolicy(threshold),
  }
}

class KedaPolicy implements Policy {
  readonly #threshold: number
  #asked: { atMs: number; replicas: number }[] = []

  constructor(threshold: number) {
    this.#threshold = threshold
  }

  decide({ nowMs, measurements: { splits }, running, limits }: View): { replicas: number; lanes: number } {
    const stay = { replicas: running.replicas, lanes: limits.lanesMax }
    // Without metrics the HorizontalPodAutoscaler leaves everything as it is.
    if (splits.every(({ measuredAtMs }) => measuredAtMs < nowMs - 60_000)) return stay
    const lag = splits.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
    const capped = Math.min(lag, splits.length * this.#threshold)
    const ratio = capped / (this.#threshold * running.replicas)
    const wanted = Math.abs(ratio - 1) <= tolerance ? running.replicas : Math.ceil(capped / this.#threshold)
    const asked = Math.min(limits.maxReplicas, Math.max(limits.minReplicas, wanted))
    this.#asked = [
      ...this.#asked.filter(({ atMs }) => atMs > nowMs - stabilizationMs),
      { atMs: nowMs, replicas: asked },
    ]
    const most = Math.max(...this.#asked.map(({ replicas }) => replicas))
    const upMax = Math.max(running.replicas * 2, running.replicas + 4)
    if (asked > running.replicas) return { ...stay, replicas: Math.min(asked, upMax) }
    return { ...stay, replicas: Math.min(running.replicas, most) }
  }
}
