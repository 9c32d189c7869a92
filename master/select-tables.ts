// Which tables of the source a job syncs, under which names and keys: the rules of the plan laid over what
// discovery found. Pure, so the worker, the progress view and the tests see the same choice.
import type { Plan, TableRule } from '#api/plan.ts'
import type { TableSchema } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { isGlob, matchesGlob } from './glob.ts'

/** What discovery says of a table; the rest of what it found is passed through. */
interface Found {
  name: string
  schema: TableSchema
}

export interface SelectedTable<T extends Found> {
  /** The table as discovered; its schema has the key the job wants. */
  table: T
  /** Name in the target. */
  targetTable: string
  rule: TableRule
}

export interface Selection<T extends Found> {
  tables: SelectedTable<T>[]
  /** `include`s that match no table: a name that does not exist (yet), or a glob that is empty. */
  unmatched: string[]
}

/**
 * The tables to sync, in the order given. The last rule that matches a table holds for it.
 * @throws ConfigError SPEC_INVALID when two tables would go to one target table, or a key column does not exist
 */
export function selectTables<T extends Found>(
  discovered: readonly T[],
  plan: Pick<Plan, 'tables' | 'discovery'>,
): Selection<T> {
  const { include, exclude } = plan.discovery
  const visible = discovered.filter(({ name }) => matchesAny(include, name) && !matchesAny(exclude, name))
  const tables: SelectedTable<T>[] = []
  for (const found of visible) {
    const index = plan.tables.findLastIndex(rule => ruleMatches(rule, found.name))
    if (index < 0) continue
    const rule = plan.tables[index]!
    tables.push({
      table: withKey(found, rule.key, index),
      targetTable: rule.targetTable ?? lastPart(found.name),
      rule,
    })
  }
  refuseSharedTargets(tables)
  const unmatched = plan.tables.filter(rule => !visible.some(({ name }) => ruleMatches(rule, name)))
  return { tables, unmatched: unmatched.map(rule => rule.include) }
}

/** True when the job names this table exactly, so that its absence is an error rather than an empty glob. */
export function isNamed(include: string): boolean {
  return !isGlob(include)
}

function ruleMatches(rule: TableRule, name: string): boolean {
  return matchesGlob(rule.include, name) && !matchesAny(rule.exclude, name)
}

function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some(pattern => matchesGlob(pattern, name))
}

/** `public.orders` goes to `orders`. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function withKey<T extends Found>(table: T, key: readonly string[] | null, index: number): T {
  if (key === null) return table
  const names = table.schema.columns.map(column => column.name)
  for (const column of key)
    if (!names.includes(column))
      throw new ConfigError(
        `Table ${table.name} has no column "${column}" to be its key; it has ${names.join(', ')}`,
        {
          code: 'SPEC_INVALID',
          context: { path: `spec.tables[${index}].key`, table: table.name },
        },
      )
  return { ...table, schema: { ...table.schema, key } }
}

function refuseSharedTargets(tables: readonly SelectedTable<Found>[]): void {
  const owners = new Map<string, string>()
  for (const { table, targetTable } of tables) {
    const owner = owners.get(targetTable)
    if (owner !== undefined)
      throw new ConfigError(
        `Tables ${owner} and ${table.name} would both go to ${targetTable}; name one of them in \`tables\` with its own \`target.table\``,
        { code: 'SPEC_INVALID', context: { path: 'spec.tables', table: table.name } },
      )
    owners.set(targetTable, table.name)
  }
}
