// What the catalog of the server says about tables: columns, keys, replica identity, size. Relations are told
// apart by their full name as `discover` prints it, which is built at the server and never taken apart here.
import type { Column, TableSchema } from '#catalog/types.ts'
import type { Session } from './session.ts'
import type { ServerTypes, ValueType } from './server-types.ts'
import { loadTypes, valueType } from './server-types.ts'

export interface RelationColumn {
  name: string
  nullable: boolean
  type: ValueType
}

export interface Relation {
  oid: number
  /** `public.orders`, unquoted. */
  name: string
  schema: string
  table: string
  partitioned: boolean
  columns: readonly RelationColumn[]
  /** Columns of the primary key, or of the replica identity index where there is one. */
  key: readonly string[]
  /** What the log tells of the old row: its key columns, the whole row, or nothing. */
  identity: 'key' | 'full' | 'nothing'
  estimatedRows: number
  estimatedBytes: number
}

interface RelationRow {
  oid: number
  schema: string
  table: string
  name: string
  partitioned: boolean
  identity: string
  primaryKey: string[] | null
  identityKey: string[] | null
  leafIdentities: string[] | null
  columns: { name: string; nullable: boolean; type: number; modifier: number }[]
  rows: number
  bytes: number
}

const indexColumns = (condition: string): string => `
  (SELECT array_agg(a.attname::text ORDER BY k.position)
   FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, position), pg_attribute a
   WHERE i.indrelid = c.oid AND ${condition} AND k.position <= i.indnkeyatts
     AND a.attrelid = c.oid AND a.attnum = k.attnum)`

/**
 * Permanent tables outside the system schemas; partitions are part of their root. Generated columns are left out
 * unless the server replicates them (18 and later, stored ones). Sizes are those of the last ANALYZE; a table
 * that never had one is measured.
 */
const relationQuery = `
SELECT c.oid::int8::float8 AS oid, n.nspname::text AS schema, c.relname::text AS table,
  n.nspname || '.' || c.relname AS name, c.relkind = 'p' AS partitioned, c.relreplident::text AS identity,
  ${indexColumns('i.indisprimary')} AS "primaryKey",
  ${indexColumns("i.indisreplident AND c.relreplident = 'i'")} AS "identityKey",
  CASE WHEN c.relkind = 'p' THEN (
    SELECT array_agg(DISTINCT CASE WHEN l.relreplident = 'd' AND NOT EXISTS (
      SELECT 1 FROM pg_index i WHERE i.indrelid = l.oid AND i.indisprimary) THEN 'n' ELSE l.relreplident::text END)
    FROM pg_partition_tree(c.oid) p JOIN pg_class l ON l.oid = p.relid WHERE p.isleaf) END AS "leafIdentities",
  coalesce((SELECT json_agg(json_build_object('name', a.attname, 'nullable', NOT a.attnotnull,
      'type', a.atttypid::int8, 'modifier', a.atttypmod) ORDER BY a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND (a.attgenerated = '' OR a.attgenerated = 's' AND current_setting('server_version_num')::int >= 180000)
  ), '[]') AS columns,
  size.rows, size.bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
LATERAL (
  SELECT coalesce(sum(greatest(l.reltuples, 0)), 0)::float8 AS rows,
    coalesce(sum(CASE WHEN l.relpages > 0
      THEN (l.relpages + coalesce(t.relpages, 0))::float8 * current_setting('block_size')::int
      ELSE pg_table_size(l.oid) END), 0)::float8 AS bytes
  FROM (SELECT c.oid WHERE c.relkind = 'r'
        UNION ALL SELECT relid FROM pg_partition_tree(c.oid) WHERE c.relkind = 'p' AND isleaf) leaf(oid)
    JOIN pg_class l ON l.oid = leaf.oid LEFT JOIN pg_class t ON t.oid = l.reltoastrelid) size
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND ($1::text[] IS NULL OR n.nspname || '.' || c.relname = ANY($1))
ORDER BY name`

/** The tables of these names, or all. */
export async function readRelations(
  session: Session,
  names: readonly string[] | null,
  types: ServerTypes,
): Promise<Relation[]> {
  const rows = await session.query<RelationRow>(relationQuery, [names])
  await loadTypes(
    session,
    rows.flatMap(row => row.columns.map(column => column.type)),
    types,
  )
  return rows.map(row => ({
    oid: row.oid,
    name: row.name,
    schema: row.schema,
    table: row.table,
    partitioned: row.partitioned,
    columns: row.columns.map(({ name, nullable, type, modifier }) => ({
      name,
      nullable,
      type: valueType(type, modifier, types),
    })),
    ...identityOf(row),
    estimatedRows: Math.round(row.rows),
    estimatedBytes: row.bytes,
  }))
}

/** A row is known by what the log tells of it: the index of the replica identity goes before the primary key. */
function identityOf(row: RelationRow): Pick<Relation, 'key' | 'identity'> {
  const primaryKey = row.primaryKey ?? []
  if (row.identity === 'i' && row.identityKey)
    return { key: row.identityKey, identity: leastOf('key', row.leafIdentities) }
  const hasKey = primaryKey.length > 0
  const own = row.identity === 'f' ? 'full' : row.identity === 'd' && hasKey ? 'key' : 'nothing'
  const identity = leastOf(own, row.leafIdentities)
  return { key: primaryKey, identity: identity === 'key' && !hasKey ? 'nothing' : identity }
}

/** What a partitioned table logs is decided by its leaves, which do not follow when it is altered. */
function leastOf(own: Relation['identity'], leaves: readonly string[] | null): Relation['identity'] {
  if (own === 'nothing' || leaves?.includes('n')) return 'nothing'
  return own === 'full' && (leaves ?? []).every(leaf => leaf === 'f') ? 'full' : 'key'
}

export function schemaOf(columns: readonly RelationColumn[], key: readonly string[]): TableSchema {
  const isKey = new Set(key)
  return {
    columns: columns.map(({ name, nullable, type }): Column => ({
      name,
      type: type.column,
      nullable: nullable && !isKey.has(name),
    })),
    key,
  }
}
