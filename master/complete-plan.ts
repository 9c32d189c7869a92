// A plan with what connectors say about their parts of it: valid, and with every default filled in. Whatever carries the
// plan out, on any thread, then needs no schema of theirs.
import type { Plan, PlanEndpoint, TableRule } from '#api/plan.ts'
import { parse } from '#api/problem.ts'
import { ConfigError } from '#common/errors.ts'
import { connectors } from '#connectors/registry.ts'
import type { ConnectorEntry } from '#connectors/registry.ts'

/** @throws ConfigError SPEC_INVALID that names every problem of the part that has one */
export function completePlan(plan: Plan): Plan {
  return {
    ...plan,
    source: completeEndpoint(plan.source),
    target: completeEndpoint(plan.target),
    tables: plan.tables.map(rule => completeRule(rule, plan.target)),
  }
}

function completeEndpoint<E extends PlanEndpoint>(endpoint: E): E {
  const spec = parse(entryOf(endpoint).spec, endpoint.spec, `${endpoint.type} of ${endpoint.name}`)
  return { ...endpoint, spec: spec as PlanEndpoint['spec'] }
}

function completeRule(rule: TableRule, target: PlanEndpoint): TableRule {
  const { tableOptions } = entryOf(target)
  if (tableOptions === undefined) return rule
  const options = parse(tableOptions, rule.options, `${target.type} of table ${rule.include}`)
  return { ...rule, options: options as TableRule['options'] }
}

function entryOf({ name, type }: PlanEndpoint): ConnectorEntry {
  const entry = connectors[type]
  if (entry !== undefined) return entry
  throw new ConfigError(`No connector for DataSource type ${type}`, {
    code: 'SPEC_INVALID',
    context: { dataSource: name },
  })
}
