// The same worlds with the real table writer in them: Parquet and log files, buckets, deletes. What is in the table
// is read by the lake's reader, from copies of the store taken at moments of the run.
import { Violation } from './invariants.ts'
import { servedLater } from './real-services.ts'
import { pause } from './lane.ts'
import type { Process } from './process.ts'
import { RealHistory } from './real-history.ts'
import type { Stage } from './run-schedule.ts'
import type { Scheduler } from './scheduler.ts'
import type { Checks, World } from './world.ts'
import { retentionMs } from './world.ts'
import type { TableSchema } from '#catalog/types.ts'
import { ConflictError, FencedError, TransientError, isAbort } from '#common/errors.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openTable } from '#lake/table/open-table.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'

export const columns: TableSchema['columns'] = [
  { name: 'id', type: { kind: 'string' }, nullable: false },
  { name: 'note', type: { kind: 'int64' }, nullable: true },
]

/**
 * The changes of a split between two positions. Every row of an append table is new. In a keyed one each number
 * inserts a row and updates the split's one hot row, and every third number deletes the row before it.
 */
function changesOf(split: string, from: number, to: number, isKeyed: boolean): RowChange[] {
  const changes: RowChange[] = []
  for (let number = from; number < to; number++) {
    const seq = number + 1
    changes.push({ op: 'insert', seq, row: { id: `${split}:${number}`, note: BigInt(number) } })
    if (!isKeyed) continue
    changes.push({ op: 'update', seq, row: { id: `${split}:hot`, note: BigInt(number) } })
    if (number % 3 === 2)
      changes.push({ op: 'delete', seq, row: { id: `${split}:${number - 1}`, note: null } })
  }
  return changes
}

/** The rows a reader must see when the splits stand at these positions, as sorted texts. */
function expectedRows(positions: Readonly<Record<string, string>>, isKeyed: boolean): string[] {
  const rows = new Map<string, string>()
  for (const [split, position] of Object.entries(positions)) {
    if (split.startsWith('idle/')) continue
    for (const { op, row } of changesOf(split, 0, Number(position), isKeyed)) {
      const id = row['id'] as string
      if (op === 'delete') rows.delete(id)
      else rows.set(id, `${id}=${String(row['note'])}`)
    }
  }
  return [...rows.values()].sort()
}

export class RealTableChecks implements Checks {
  readonly #objects: ReadonlyMap<string, Uint8Array>
  readonly #isKeyed: boolean
  readonly #scheduler: Scheduler
  readonly #history: RealHistory
  readonly #copies: Map<string, Uint8Array>[] = []
  #changes = 0

  constructor({ objects, style, scheduler }: Stage) {
    this.#objects = objects
    this.#isKeyed = style !== 'append'
    this.#scheduler = scheduler
    this.#history = new RealHistory((split, from, to) => changesOf(split, from, to, this.#isKeyed))
  }

  check(): void {
    this.#history.note(this.#objects)
    // Reading is not for the middle of an event: a copy is read when all is over.
    if (++this.#changes % 16 === 0) this.#copies.push(new Map(this.#objects))
  }

  noteForeign(): void {
    // So do they after other engines.
  }

  checkAcknowledged(): void {
    // The stand-in schedules look after this.
  }

  async checkComplete(ends: ReadonlyMap<string, number>): Promise<void> {
    for (const copy of this.#copies) await this.#checkRows(copy)
    const positions = await this.#checkRows(this.#objects)
    await this.#checkPast()
    await this.#checkRows(await servedLater(this.#objects))
    for (const [split, end] of ends)
      if (Number(positions[split] ?? 0) !== end)
        throw new Violation(`${split} ended at ${positions[split]} of ${end}`)
  }

  /** Some of the states and of the changes since, as far back as the retention goes. */
  async #checkPast(): Promise<void> {
    const { random } = this.#scheduler
    // Clocks are wrong by half a minute at most.
    const retainedFrom = formatInstant(this.#scheduler.nowMs - retentionMs + 60_000)
    const commits = this.#history.commits.filter(({ instant }) => instant >= retainedFrom)
    if (commits.length === 0) return
    const store = new MemoryStore('', new Map(this.#objects))
    const newest = await TableReader.open(store)
    for (let tries = 0; tries < 3; tries++) {
      const [one, other] = [random.pick(commits), random.pick(commits)]
      const past = await TableReader.open(store, { asOf: one.instant })
      expectSame(await textsOf(past, {}), this.#history.asOf(one.instant), `as of ${one.instant}`)
      if (newest.config.layout === 1) continue
      const [from, to] = [one.completionTime, other.completionTime].sort() as [string, string]
      const changed = await textsOf(newest, { from, to })
      expectSame(changed, this.#history.between(from, to), `changed from ${from} to ${to}`)
    }
  }

  /** Returns the positions that a reader sees. */
  async #checkRows(objects: ReadonlyMap<string, Uint8Array>): Promise<Readonly<Record<string, string>>> {
    if (!objects.has('.hoodie/hoodie.properties')) return {}
    const reader = await TableReader.open(new MemoryStore('', new Map(objects)))
    const positions = visiblePositions(objects)
    expectSame(await textsOf(reader, {}), expectedRows(positions, this.#isKeyed), 'now')
    return positions
  }
}

export async function textsOf(reader: TableReader, range: { from?: string; to?: string }): Promise<string[]> {
  const rows: string[] = []
  for await (const batch of reader.read(range))
    for (const { id, note } of canonicalRows(batch)) rows.push(`${id as string}=${note as string}`)
  return rows.sort()
}

/** @throws Violation */
export function expectSame(found: readonly string[], expected: readonly string[], when: string): void {
  if (found.join() === expected.join()) return
  throw new Violation(`the table has ${found.join(' ')}, it should have ${expected.join(' ')}, ${when}`)
}

interface RawEntry {
  instant: { time: string } | null
  positions: Record<string, string>
}

/** Positions after the newest entry, or after the one before when the newest is not on the timeline yet. */
function visiblePositions(objects: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  const paths = [...objects.keys()].filter(path => path.startsWith('.hoodie/.sluice/journal/')).sort()
  for (const path of paths.reverse()) {
    const { instant, positions } = JSON.parse(Buffer.from(objects.get(path)!).toString()) as RawEntry
    const isVisible = [...objects.keys()].some(
      name =>
        instant === null ||
        (/^\.hoodie\/(timeline\/)?\d+.*commit$/.test(name) && name.includes(`/${instant.time}`)),
    )
    if (isVisible) return positions
  }
  return {}
}

/** A lane that writes by the real writer. */
export async function runRealLane(
  world: World,
  process: Process,
  store: ObjectStore,
  splits: readonly string[],
): Promise<boolean> {
  const { clock, signal, name: writer } = process
  const isKeyed = world.style !== 'append'
  const schema = { columns, key: isKeyed ? ['id'] : [] }
  const { version, tableType } = world.definition
  const wanted = {
    name: 'rows',
    schema,
    ...(isKeyed ? { buckets: 2 } : {}),
    ...(world.style === 'rewrite' ? { tableType: 'COPY_ON_WRITE' as const } : {}),
    estimatedBytes: 0,
    ...(isKeyed ? { tableType } : {}),
    // The stand-ins have no log files of version 6.
    version: world.style === 'merge' && world.ends.size % 2 === 0 ? (6 as const) : version,
    policy: 'evolve' as const,
  }
  try {
    const table = await openTable(wanted, { store, clock, writer, signal })
    const at = (split: string): number => Number(table.positions().get(split) ?? 0)
    while (splits.some(split => at(split) !== world.ends.get(split))) {
      signal.throwIfAborted()
      const unfinished = splits.filter(split => at(split) !== world.ends.get(split))
      await commitSome(table, { world, splits: unfinished, schema, signal })
      await pause(world, clock)
    }
    return true
  } catch (error) {
    if (error instanceof FencedError || error instanceof TransientError || isAbort(error)) return false
    throw error
  }
}

interface Turn {
  world: World
  splits: readonly string[]
  schema: TableSchema
  signal: AbortSignal
}

async function commitSome(table: TableWriter, { world, splits, schema, signal }: Turn): Promise<void> {
  const { random } = world.scheduler
  const moves = splits.map(split => {
    const from = table.positions().get(split) ?? null
    const to = Math.min(world.ends.get(split)!, Number(from ?? 0) + random.between(1, 5))
    return { split, from, to: String(to) }
  })
  try {
    for (const { split, from, to } of moves) {
      if (split.startsWith('idle/')) continue
      const changes = changesOf(split, Number(from ?? 0), Number(to), schema.key.length > 0)
      const plain = schema.key.length > 0 ? changes : changes.map(({ seq, row }) => ({ seq, row }))
      await table.stage({ batch: batchOf(schema, plain), truncate: null }, signal)
    }
    for (let tries = 3; ; tries--)
      try {
        await table.commit(moves, {}, signal)
        return
      } catch (error) {
        if (!(error instanceof TransientError) || tries === 1) throw error
      }
  } catch (error) {
    await table.abort()
    if (!(error instanceof ConflictError)) throw error
    await table.refresh()
  }
}
