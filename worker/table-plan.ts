// Turns what the source has into what the lanes are granted: the tables the plan selects, with their target
// tables and the positions the target holds of them. The positions are read, and for new tables first written,
// with a writer of the main thread's own.
import { ConfigError, PositionLostError } from '#common/errors.ts'
import type { Plan } from '#api/plan.ts'
import type { ResyncProgress } from '#api/worker-status.ts'
import type { PositionMove } from '#catalog/position.ts'
import { withSampled } from '#catalog/sampled-schema.ts'
import type { TableSchema } from '#catalog/types.ts'
import type {
  DiscoveredTable,
  Source,
  SourcePlan,
  SourceTable,
  TableWriter,
  Target,
} from '#connectors/connector.ts'
import { isNamed, selectTables } from '#master/select-tables.ts'
import type { GrantedTable } from './lane-protocol.ts'
import { OpenWriters } from './open-writers.ts'
import {
  beginAnew,
  checkResync,
  concerns,
  isBegunAnew,
  markMove,
  resyncProgress,
  splitPositions,
} from './resync.ts'

export type PlanSource = Pick<Source, 'discover' | 'plan' | 'check' | 'checkResync' | 'unread'>

export interface PlannedTables {
  tables: readonly GrantedTable[]
  plan: SourcePlan
  /** Null when the plan asks for none. */
  resync: ResyncProgress | null
}

/** What becomes of a table that is asked to be read again. */
type ResyncStep = (...of: Parameters<typeof beginAnew>) => Promise<unknown>

interface OpenTables {
  tables: readonly GrantedTable[]
  /** As the source is to read them on. */
  held: readonly SourceTable[]
  /** By the table's name in the source. */
  writers: ReadonlyMap<string, TableWriter>
}

export class TablePlanner {
  readonly #plan: Plan
  readonly #source: PlanSource
  readonly #writers: OpenWriters

  constructor(plan: Plan, source: PlanSource, target: Target) {
    this.#plan = plan
    this.#source = source
    this.#writers = new OpenWriters(target)
  }

  /**
   * Looks at the source again. @throws ConfigError TABLE_NOT_FOUND when nothing matches, and what the connectors throw
   */
  async refresh(signal: AbortSignal): Promise<PlannedTables> {
    const { opened, said: plan } = await this.#ask(held => this.#source.plan(held, signal), beginAnew, signal)
    const { tables, writers } = opened
    const { resync } = this.#plan
    for (const [table, positions] of plan.initialPositions) {
      const writer = writers.get(table)!
      const moves = [...positions].map(([split, to]): PositionMove => ({
        split,
        from: writer.positions().get(split) ?? null,
        to,
      }))
      if (moves.length === 0) continue
      // A new table is as good as read anew.
      const mark = resync && concerns(resync, table) ? markMove(resync, writer.positions()) : null
      await writer.commit(mark === null ? moves : [...moves, mark], {}, signal)
    }
    const names = tables.map(({ source }) => source.name)
    return { tables, plan, resync: resync ? resyncProgress(resync, names, plan) : null }
  }

  /**
   * Finds what refresh() would refuse. Makes nothing at the source and moves no position; tables that the target does
   * not have yet are made, empty.
   */
  async check(signal: AbortSignal): Promise<readonly GrantedTable[]> {
    const { opened } = await this.#ask(async held => this.#source.check?.(held, signal), checkResync, signal)
    return opened.tables
  }

  /**
   * What the source has that the tables do not, as a sentence; null: nothing. Makes nothing at the source and moves no
   * position. @throws ConfigError PROBE_UNSUPPORTED where the source cannot tell
   */
  async unread(signal: AbortSignal): Promise<string | null> {
    const { said } = await this.#ask(
      async held => {
        if (this.#source.unread === undefined) throw probeUnsupported(this.#plan)
        return this.#source.unread(held, signal)
      },
      async () => false,
      signal,
    )
    return said
  }

  /**
   * Asks the source about the tables as they are held. Lanes commit meanwhile, and the source forgets what they have
   * committed: positions it does not know any more are lost only if they are still those of the tables.
   */
  async #ask<T>(
    ask: (held: readonly SourceTable[]) => Promise<T>,
    resync: ResyncStep,
    signal: AbortSignal,
  ): Promise<{ opened: OpenTables; said: T }> {
    for (let before: OpenTables | null = null; ;) {
      const opened = await this.#open(resync, signal)
      try {
        return { opened, said: await ask(opened.held) }
      } catch (error) {
        const isLost = error instanceof PositionLostError
        if (!isLost || (before !== null && samePositions(before.held, opened.held))) throw error
        before = opened
      }
    }
  }

  async close(): Promise<void> {
    await this.#writers.close()
  }

  /** The tables of the plan, each open in the target. */
  async #open(resync: ResyncStep, signal: AbortSignal): Promise<OpenTables> {
    const selected = this.#select(await this.#source.discover(signal))
    const writers = new Map<string, TableWriter>()
    const tables = await Promise.all(
      selected.map(async (table): Promise<GrantedTable> => {
        const writer = await this.#writers.of(table.target, signal)
        writers.set(table.source.name, writer)
        return table.target.sampled === true ? withSchema(table, writer.schema) : table
      }),
    )
    const held: SourceTable[] = []
    for (const { source: table } of tables) {
      const writer = writers.get(table.name)!
      const asked = this.#plan.resync
      if (asked && concerns(asked, table.name))
        await resync(
          asked,
          {
            table: { ...table, positions: splitPositions(writer.positions()) },
            writer,
            source: this.#source,
          },
          signal,
        )
      const positions = writer.positions()
      const isKeyed = table.schema.key.length > 0
      const replaces = isKeyed && isBegunAnew(positions) ? { replaces: true } : {}
      held.push({ ...table, positions: new Map(splitPositions(positions)), ...replaces })
    }
    return { tables, held, writers }
  }

  #select(discovered: readonly DiscoveredTable[]): GrantedTable[] {
    const { tables, unmatched } = selectTables(discovered, this.#plan)
    const missing = unmatched.filter(isNamed)
    if (missing.length > 0 || tables.length === 0) {
      const what =
        missing.length > 0
          ? `no table ${missing.join(', ')}`
          : `no table that matches ${unmatched.join(', ')}`
      throw new ConfigError(
        `The source ${this.#plan.source.name} has ${what}; it has ${someOf(discovered)}`,
        {
          code: 'TABLE_NOT_FOUND',
          context: {
            dataSource: this.#plan.source.name,
            tables: (missing.length > 0 ? missing : unmatched).join(', '),
          },
        },
      )
    }
    const { mode, start, schemaEvolution } = this.#plan
    return tables.map(({ table, targetTable, rule }) => {
      const { name, schema, sampled, estimatedBytes, estimatedRows } = table
      return {
        source: { name, schema, mode, start },
        target: {
          name: targetTable,
          schema,
          ...(sampled === true ? { sampled } : {}),
          estimatedBytes,
          estimatedRows,
          options: rule.options,
          schemaEvolution,
        },
      }
    })
  }
}

function probeUnsupported({ source: { name, type } }: Plan): ConfigError {
  return new ConfigError(`A DataSource of type ${type} cannot tell whether there is something to read`, {
    code: 'PROBE_UNSUPPORTED',
    context: { dataSource: name },
  })
}

function samePositions(before: readonly SourceTable[], now: readonly SourceTable[]): boolean {
  const textOf = (tables: readonly SourceTable[]): string =>
    JSON.stringify(
      tables.map(({ name, positions }) => [name, [...positions].toSorted(([a], [b]) => (a < b ? -1 : 1))]),
    )
  return textOf(before) === textOf(now)
}

/** A sampled table with the columns the target knows of it: records hold them whether or not the sample did. */
function withSchema({ source, target }: GrantedTable, stored: TableSchema): GrantedTable {
  const schema = withSampled(stored, source.schema)
  return { source: { ...source, schema }, target: { ...target, schema } }
}

function someOf(tables: readonly DiscoveredTable[]): string {
  if (tables.length === 0) return 'none at all (or none this user may read)'
  const names = tables.slice(0, 8).map(table => table.name)
  return names.join(', ') + (tables.length > names.length ? ` and ${tables.length - names.length} more` : '')
}
