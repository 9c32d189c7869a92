// How much of a scarce limit jobs get beside one another: one with twice the weight gets twice as much.
import type { Plan } from '#api/plan.ts'

export const leaseWeights: Readonly<Record<Plan['priority'], number>> = {
  core: 8,
  high: 4,
  normal: 2,
  low: 1,
}
