// `--plan FILE --secrets DIR`, for the subcommands that do something about a plan and end.
import { parseArgs } from 'node:util'
import type { Plan } from '#api/plan.ts'
import { createLogger } from '#common/json-logger.ts'
import type { Logger } from '#common/logger.ts'
import { loadPlan } from '#worker/main.ts'
import type { SecretLocations } from '#worker/secrets.ts'
import { secretVariables } from './secret-variables.ts'
import { UsageError } from './usage-error.ts'

export interface PlanArguments {
  plan: Plan
  secrets: SecretLocations
  logger: Logger
}

/** @throws UsageError, ConfigError when the plan is not valid */
export async function readPlanArguments(argv: string[]): Promise<PlanArguments> {
  const { values } = parseArgs({
    args: argv,
    options: { plan: { type: 'string' }, secrets: { type: 'string' } },
  })
  if (values.plan === undefined) throw new UsageError('give the plan: --plan FILE')
  const plan = await loadPlan(values.plan)
  return {
    plan,
    secrets: { directory: values.secrets ?? null, variables: secretVariables() },
    logger: createLogger('info', { job: `${plan.job.namespace}/${plan.job.name}` }),
  }
}
