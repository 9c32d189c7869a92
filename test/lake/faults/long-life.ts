// The life of a table in a few batches: rows, updates, deletes and a new column, with hours between the batches, so that
// everything that looks after a table becomes due. It is driven as a worker does it: what fails ends the session, and the
// next one begins from what the table holds.
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import type { SyncError } from '#common/errors.ts'
import { ConfigError, ConflictError, TransientError, invariant } from '#common/errors.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { servicePolicy, TableServices } from '#lake/services/table-services.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { readDefinition } from '#lake/table/create.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { inOrder, TableModel } from '../table/model.ts'
import type { RowChange } from '../table/vectors.ts'
import { batchOf } from '../table/vectors.ts'

export type Style = 'keyed' | 'rewritten' | 'append'

const { signal } = new AbortController()
const hourMs = 3_600_000
const retentionMs = 24 * hourMs
export const batches = 10
const split = 'log'

const columns: TableSchema['columns'] = [
  { name: 'id', type: { kind: 'int64' }, nullable: false },
  { name: 'note', type: { kind: 'string' }, nullable: true },
]
const laterColumn: TableSchema['columns'][0] = { name: 'more', type: { kind: 'int32' }, nullable: true }
const evolvesAt = 6

export function schemaAt(style: Style, batch: number): TableSchema {
  return {
    columns: batch < evolvesAt ? columns : [...columns, laterColumn],
    key: style === 'append' ? [] : ['id'],
  }
}

/** The changes of a batch: new rows, and of a keyed table updates and deletes of old ones. */
export function changesOf(style: Style, batch: number): RowChange[] {
  const changes: RowChange[] = []
  const more = batch < evolvesAt ? {} : { more: batch }
  for (let i = 0; i < 6; i++)
    changes.push({
      op: 'insert',
      seq: batch + 1,
      row: { id: BigInt(batch * 6 + i), note: `new ${batch}`, ...more },
    })
  if (style === 'append') return changes.map(({ seq, row }) => ({ seq, row }))
  for (let id = batch % 3; id < batch * 6; id += 5)
    changes.push({ op: 'update', seq: batch + 1, row: { id: BigInt(id), note: `changed ${batch}`, ...more } })
  if (batch > 0) changes.push({ op: 'delete', seq: batch + 1, row: { id: BigInt(batch * 4), note: null } })
  return changes
}

export function expectedRows(style: Style, through = batches): CanonicalRow[] {
  const last = schemaAt(style, through - 1)
  const all = Array.from({ length: through }, (_, batch) => changesOf(style, batch)).flat()
  if (style !== 'append') {
    const model = new TableModel(last)
    model.apply(all)
    return model.rows()
  }
  // Each row of an append table is its own.
  const model = new TableModel({ ...last, key: ['id'] })
  model.apply(all)
  return model.rows()
}

export async function rowsOf(store: ObjectStore): Promise<CanonicalRow[]> {
  const rows: CanonicalRow[] = []
  for await (const batch of (await TableReader.open(store)).read()) rows.push(...canonicalRows(batch))
  return inOrder(rows)
}

export interface Life {
  store: ObjectStore
  style: Style
  clock: Clock & { advance(ms: number): void }
  /** After every failure that a worker would report: the world may be put right again. */
  onFailure: (error: SyncError) => void
  /** Where the split ends. */
  through?: number
}

/** Lives it to the end of the split. Throws what a worker would crash over. */
export async function live(life: Life): Promise<void> {
  const { clock, through = batches } = life
  let writer: TableWriter | null = null
  for (;;) {
    try {
      writer ??= await openTable(wantedTable(life.style), { ...life, writer: 'life', signal })
      const at = Number(writer.positions().get(split) ?? 0)
      if (at === through) break
      await writeBatch(writer, life.style, at)
      clock.advance(9 * hourMs)
      await lookAfter(life).catch((error: unknown) => fail(error, life))
    } catch (error) {
      fail(error, life)
      await writer?.close().catch(() => undefined)
      writer = null
    }
  }
  await writer.close()
}

async function writeBatch(writer: TableWriter, style: Style, batch: number): Promise<void> {
  const schema = schemaAt(style, batch)
  await writer.evolve(schema)
  await writer.stage({ batch: batchOf(schema, changesOf(style, batch)), truncate: null }, signal)
  const from = batch === 0 ? null : String(batch)
  await writer.commit([{ split, from, to: String(batch + 1) }], {}, signal)
}

/** As the lanes do, but a short timeline is enough. */
async function lookAfter({ store, clock }: Life): Promise<void> {
  const definition = await readDefinition(store)
  invariant(definition, 'A table without its definition')
  const policy = servicePolicy(retentionMs)
  const cleaning = { ...policy.cleaning, instantsMin: 3, trimMin: 1 }
  const services = new TableServices(
    { store, definition, clock, writer: 'services' },
    { ...policy, cleaning },
  )
  await services.run(signal)
}

function fail(error: unknown, { onFailure }: Life): void {
  const isExpected =
    error instanceof TransientError || error instanceof ConflictError || error instanceof ConfigError
  if (!isExpected) throw error
  onFailure(error)
}

function wantedTable(style: Style): WantedTable {
  return {
    name: 'life',
    schema: schemaAt(style, 0),
    estimatedBytes: 0,
    version: 8,
    policy: 'evolve',
    retentionMs,
    ...(style === 'append' ? {} : { buckets: 2 }),
    ...(style === 'rewritten' ? { tableType: 'COPY_ON_WRITE' } : {}),
  }
}

/** Days later, with nothing going wrong: what failures left behind is removed by then. */
export async function liveOn(life: Omit<Life, 'onFailure' | 'through'>, through: number): Promise<void> {
  const onFailure = (error: SyncError): never => {
    throw error
  }
  await live({ ...life, onFailure, through })
}
