// DataSource: anything that holds tables (a database, Kafka, a Hudi lake), as source or as target. The part each
// connector needs comes from its own spec; this file only puts them side by side in the Kubernetes way: `type`
// names the one sub-object that is present.
import { z } from 'zod'
import {
  ageColumn,
  conditions,
  observedGeneration,
  readyColumn,
  reasonColumn,
  type Resource,
  type ResourceKind,
} from './resource.ts'
import { immutable, withRule } from './rules.ts'
import type { Protection } from './source-limits.ts'
import { protection } from './source-limits.ts'

const discovery = z
  .strictObject({
    include: z
      .array(z.string().min(1).max(512))
      .min(1)
      .max(256)
      .default(['*'])
      .describe('Tables that SyncJobs may see, as globs over the names they have there: `public.*`.'),
    exclude: z
      .array(z.string().min(1).max(512))
      .max(256)
      .default([])
      .describe('Tables to leave out of those.'),
  })
  .prefault({})
  .describe('Which tables of the server there are, as far as Sluice is concerned.')

export const dataSourceStatus = z.strictObject({ observedGeneration, conditions })

/** `type`, `discovery`, `protection`, and under the type's own name what its connector asks for. */
export interface DataSourceSpec {
  type: string
  discovery: z.infer<typeof discovery>
  protection?: Protection | undefined
  [subObject: string]: unknown
}

export type DataSourceStatus = z.infer<typeof dataSourceStatus>
export type DataSource = Resource<DataSourceSpec, DataSourceStatus>

/**
 * The kind, for these connectors: type -> spec.
 * @param countsConnections types whose connectors ask before each connection
 */
export function dataSourceKind(
  specs: Readonly<Record<string, z.ZodType>>,
  countsConnections: readonly string[],
): ResourceKind<DataSourceSpec, DataSourceStatus> {
  return {
    kind: 'DataSource',
    plural: 'datasources',
    singular: 'datasource',
    // Not `ds`: that is a DaemonSet.
    shortNames: ['dsrc'],
    description:
      'A place that holds tables: a database, a message log, a lake. SyncJobs read from it or write to it.',
    spec: dataSourceSpec(specs, countsConnections),
    status: dataSourceStatus,
    columns: [
      {
        name: 'Type',
        type: 'string',
        jsonPath: '.spec.type',
        description: 'What kind of server it is.',
      },
      readyColumn,
      reasonColumn,
      ageColumn,
    ],
  }
}

function dataSourceSpec(
  specs: Readonly<Record<string, z.ZodType>>,
  countsConnections: readonly string[],
): z.ZodType<DataSourceSpec> {
  const types = Object.keys(specs)
  const subObjects = Object.fromEntries(
    types.map(type => [
      type,
      specs[type]!.optional().describe(`How to reach and use it, with \`type: ${type}\`.`),
    ]),
  )
  const fields = z.strictObject({
    type: immutable(z.enum(types), 'type').describe(
      'What kind of server it is; names the sub-object to give.',
    ),
    ...subObjects,
    discovery,
    protection: protection.optional(),
  })
  const spec = withRule(fields, {
    rule: types.map(type => `(self.type == '${type}') == has(self.${type})`).join(' && '),
    message: 'give the sub-object that `type` names, and no other',
    messageExpression: `'give the sub-object that type names, and no other: with type ' + self.type + ', ' + self.type`,
    test: value =>
      types.every(type => (value.type === type) === ((value as Record<string, unknown>)[type] !== undefined)),
  })
  const isCounted = countsConnections.map(type => `self.type == '${type}'`).join(' || ')
  return withRule(spec as unknown as z.ZodType<DataSourceSpec>, {
    rule: `${isCounted} || !has(self.protection) || !has(self.protection.limits) || !has(self.protection.limits.connections)`,
    message: `\`protection.limits.connections\` is kept to with type ${countsConnections.join(', ')} only; leave it out`,
    test: ({ type, protection: given }) =>
      countsConnections.includes(type) || given?.limits?.connections === undefined,
  })
}
