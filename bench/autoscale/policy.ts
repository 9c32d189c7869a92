// What decides how large the simulated job is: it sees what workers report, and answers with a size.
import type { Limits, Measurements, Running, Size } from '#master/autoscale/model.ts'

export interface View {
  nowMs: number
  measurements: Measurements
  running: Running
  limits: Limits
}

export interface Policy {
  decide(view: View): Size
}

/** Made anew for each run. */
export interface PolicyKind {
  name: string
  family: 'Sluice' | 'Flink' | 'KEDA' | 'fixed'
  make: () => Policy
}

/** As many as are allowed, always: what no policy can be better than in lag. */
export const largest: PolicyKind = {
  name: 'always 16 replicas',
  family: 'fixed',
  make: () => ({ decide: ({ limits }) => ({ replicas: limits.maxReplicas, lanes: limits.lanesMax }) }),
}
