// Sluice's own decider, as it is.
import { decideSize } from '#master/autoscale/decide.ts'
import type { AutoscalingState } from '#master/autoscale/model.ts'
import type { PolicyKind } from './policy.ts'

export const sluice: PolicyKind = {
  name: 'Sluice',
  family: 'Sluice',
  make: () => {
    let state: AutoscalingState | null = null
    return {
      decide: view => {
        const decision = decideSize({ ...view, state })
        state = decision.state
        return decision
      },
    }
  },
}
