// All that are compared.
import { flink } from './flink-policy.ts'
import { keda } from './keda-policy.ts'
import type { PolicyKind } from './policy.ts'
import { largest } from './policy.ts'
import { sluice } from './sluice-policy.ts'

const minuteMs = 60_000
const tuned = {
  windowMs: 5 * minuteMs,
  stabilizationMs: minuteMs,
  catchUpMs: 5 * minuteMs,
  restartMs: minuteMs,
  scaleDownDelayMs: 15 * minuteMs,
}

export const flinkTuned = flink('Flink, tuned', tuned)

export const policies: readonly PolicyKind[] = [
  sluice,
  flinkTuned,
  flink('Flink, defaults', {}),
  keda(10_000),
  keda(20_000),
  largest,
]
