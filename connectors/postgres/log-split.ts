// Opens the log for one reader: looks up how its relations are decoded, starts the stream, and starts it again
// in text form when the log tells of a type we read no binary form of.
import type { TableSchema } from '#catalog/types.ts'
import { typesEqual } from '#catalog/types.ts'
import { TransientError } from '#common/errors.ts'
import type { ConnectorContext, ReadLimits, SourceChunk, SourceTable } from '../connector.ts'
import { LogAssembler } from './log-assembler.ts'
import type { LoggedTable } from './log-assembler.ts'
import { LogReader } from './log-reader.ts'
import { parseLsn } from './lsn.ts'
import type { ServerNames } from './names.ts'
import type { LoggedRelation } from './pgoutput.ts'
import { logSplitId } from './position.ts'
import type { Relation, RelationColumn } from './relation.ts'
import { readRelations, schemaOf } from './relation.ts'
import { requireKey } from './replica-identity.ts'
import { requireSlot } from './replication-setup.ts'
import { ReplicationSession } from './replication-session.ts'
import { fetchRow } from './row-fetch.ts'
import type { ServerTypes } from './server-types.ts'
import { hasBinaryForm, loadTypes, valueType } from './server-types.ts'
import type { ServerAccess } from './session.ts'
import { withSession } from './session.ts'
import type { PostgresSpec } from './spec.ts'

export interface LogSplitOptions {
  access: ServerAccess
  names: ServerNames
  context: Pick<ConnectorContext<PostgresSpec>, 'clock' | 'logger' | 'onBadRecord' | 'pace'>
  tables: readonly SourceTable[]
  limits: ReadLimits
  signal: AbortSignal
  /** Hears of the stream that acknowledgements go to. */
  onOpen: (stream: ReplicationSession) => void
}

/** What is received ahead of the reader at most. */
const readAheadBytesMax = 8 * 1024 * 1024
/** … and where the source has limits: the server sends the log unasked. */
const pacedReadAheadBytesMax = 64 * 1024
/** How long a former reader's connection may take to let go of the slot. */
const slotWaitMs = 2000

/** Thrown when values come in a binary form we do not read. */
class TextFormNeeded extends Error {}

export async function* readLogSplit(options: LogSplitOptions): AsyncGenerator<SourceChunk> {
  const log = new LogSplit(options)
  await log.lookUp()
  for (;;) {
    const reader = await log.open()
    try {
      yield* reader.chunks()
    } catch (error) {
      if (!(error instanceof TextFormNeeded)) throw error
      log.binary = false
      log.from = reader.position
      if (reader.insideTransaction)
        throw new TransientError('A type without a binary form appeared inside a transaction', {
          code: 'SOURCE_BUSY',
        })
    } finally {
      await log.close()
    }
  }
}

class LogSplit {
  binary = true
  from: bigint
  readonly #options: LogSplitOptions
  readonly #tables: ReadonlyMap<string, SourceTable>
  readonly #schemas = new Map<string, TableSchema>()
  readonly #types: ServerTypes = new Map()
  #relations: readonly Relation[] = []
  #stream: ReplicationSession | null = null

  constructor(options: LogSplitOptions) {
    this.#options = options
    this.#tables = new Map(options.tables.map(table => [table.name, table]))
    const positions = options.tables.map(positionOf).filter(lsn => lsn !== null)
    this.from = positions.reduce((least, lsn) => (lsn < least ? lsn : least), positions[0] ?? 0n)
  }

  async lookUp(): Promise<void> {
    const { access, names, signal } = this.#options
    await withSession(access, signal, async session => {
      const slot = await requireSlot(session, names.slot, this.from || (1n << 64n) - 1n)
      this.from ||= slot.confirmed
      this.#relations = await readRelations(session, [...this.#tables.keys()], this.#types)
      const [server] = await session.query<{ version: number }>(
        "SELECT current_setting('server_version_num')::int AS version",
      )
      const types = this.#relations.flatMap(relation => relation.columns.map(column => column.type))
      this.binary = server!.version >= 140_000 && types.every(hasBinaryForm)
    })
  }

  async open(): Promise<LogReader> {
    const { access, names, context, limits, signal, onOpen } = this.#options
    const { clock } = context
    const options = {
      slot: names.slot,
      publication: names.publication,
      from: this.from,
      binary: this.binary,
      readAheadBytes: Math.min(
        limits.chunkBytesMax,
        context.pace === undefined ? readAheadBytesMax : pacedReadAheadBytesMax,
      ),
    }
    const deadlineMs = clock.monotonicMs() + slotWaitMs
    while (!this.#stream)
      try {
        this.#stream = await ReplicationSession.open(access, options, clock, signal)
      } catch (error) {
        const isHeld = error instanceof TransientError && error.code === 'PG_SLOT_ACTIVE'
        if (!isHeld || clock.monotonicMs() >= deadlineMs) throw error
        await clock.sleep(200, signal)
      }
    onOpen(this.#stream)
    return new LogReader({
      stream: this.#stream,
      assembler: new LogAssembler(error => context.onBadRecord(error)),
      limits,
      clock,
      from: this.from,
      define: relation => this.#define(relation),
      fetchRow: (table, row) => withSession(access, signal, session => fetchRow(session, table, row)),
      pace: context.pace,
      signal,
    })
  }

  async close(): Promise<void> {
    const stream = this.#stream
    this.#stream = null
    await stream?.close()
  }

  async #define(relation: LoggedRelation): Promise<LoggedTable | null> {
    const table = this.#tables.get(relation.name)
    if (!table) return null
    const unknown = relation.columns.map(column => column.type).filter(type => !this.#types.has(type))
    if (unknown.length > 0)
      await withSession(this.#options.access, this.#options.signal, session =>
        loadTypes(session, unknown, this.#types),
      )
    const described = this.#relations.find(({ name }) => name === relation.name)?.columns
    const columns = relation.columns.map(({ name, type, modifier }): RelationColumn => ({
      name,
      nullable: described?.find(column => column.name === name)?.nullable ?? true,
      type: valueType(type, modifier, this.#types),
    }))
    if (this.binary && !columns.every(column => hasBinaryForm(column.type))) throw new TextFormNeeded()
    requireKey(table, columns)
    const schema = this.#schemaOf(table, columns)
    return { name: table.name, schema, columns, from: positionOf(table) ?? this.from }
  }

  /** The schema of a table's changes: the same object as long as nothing of it changes. */
  #schemaOf(table: SourceTable, columns: readonly RelationColumn[]): TableSchema {
    const now = schemaOf(columns, table.schema.key)
    const before = this.#schemas.get(table.name) ?? table.schema
    const schema = sameSchema(before, now) ? before : now
    this.#schemas.set(table.name, schema)
    return schema
  }
}

function positionOf(table: SourceTable): bigint | null {
  const position = table.positions.get(logSplitId)
  return position === undefined ? null : parseLsn(position)
}

function sameSchema(a: TableSchema, b: TableSchema): boolean {
  if (a.columns.length !== b.columns.length || a.key.join('\0') !== b.key.join('\0')) return false
  return a.columns.every((column, index) => {
    const other = b.columns[index]!
    return (
      column.name === other.name && column.nullable === other.nullable && typesEqual(column.type, other.type)
    )
  })
}
