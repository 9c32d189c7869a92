// Which PriorityClass the pods of a job have: the operator is told one for each `priority` that is to have any, since the
// classes are the cluster's.
import { z } from 'zod'
import { planSchema } from '#api/plan.ts'
import type { Plan } from '#api/plan.ts'
import { ConfigError } from '#common/errors.ts'

/** Names of PriorityClasses; a priority that is left out has the cluster's default. */
export type PriorityClasses = Readonly<Partial<Record<Plan['priority'], string>>>

const priorities = planSchema.shape.priority.options
const entry = z.templateLiteral([
  z.enum(priorities),
  '=',
  z.string().regex(/^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/),
])

/** Of `--priority-class`, each `PRIORITY=NAME`. @throws ConfigError SPEC_INVALID */
export function readPriorityClasses(given: readonly string[]): PriorityClasses {
  const wrong = given.find(text => !entry.safeParse(text).success)
  if (wrong !== undefined)
    throw new ConfigError(
      `--priority-class is PRIORITY=NAME, where PRIORITY is ${priorities.join(', ')} and NAME a PriorityClass, not ${JSON.stringify(wrong)}`,
      { code: 'SPEC_INVALID' },
    )
  return Object.fromEntries(given.map(text => text.split('=', 2)))
}
