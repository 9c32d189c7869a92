// The connector of Hudi lakes: a target now; reading tables back as a source comes with the opposite direction.
import type { Connector } from '#connectors/connector.ts'
import type { HudiSpec } from './spec.ts'
import { HudiTarget } from './target.ts'

export const hudi: Connector<HudiSpec> = {
  type: 'hudi',
  openTarget: context => HudiTarget.open(context),
}
