// Who is at work in the worlds of a history that is kept by days: lanes that like to commit around midnight, and the
// services that look after the past.
import { daily } from './daily-policy.ts'
import { pause } from './lane.ts'
import type { Process } from './process.ts'
import { columns } from './real-writer.ts'
import type { World } from './world.ts'
import type { Clock } from '#common/clock.ts'
import {
  ConfigError,
  ConflictError,
  DataError,
  FencedError,
  TransientError,
  isAbort,
} from '#common/errors.ts'
import type { Sharing } from '#lake/journal/sharing.ts'
import { defaultSharing } from '#lake/journal/sharing.ts'
import { advanceHistory } from '#lake/services/advance-history.ts'
import { clean } from '#lake/services/clean.ts'
import { coalesceLogs } from '#lake/services/coalesce-logs.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { compactSome } from '#lake/services/compact.ts'
import type { WantedPartition } from '#lake/partition/partition-rule.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'

const schema = { columns, key: ['id'] }
const dayMs = 24 * 3_600_000

/** The changes of a split between two positions: few keys, each written, deleted and brought back many times. */
export function dailyChanges(split: string, from: number, to: number): RowChange[] {
  return Array.from({ length: to - from }, (_, at): RowChange => {
    const number = from + at
    const row = { id: `${split}:${number % 7}`, note: BigInt(number) }
    return { op: number % 5 === 4 ? 'delete' : 'update', seq: number + 1, row }
  })
}

export async function runDailyLane(
  world: World,
  process: Process,
  store: ObjectStore,
  splits: readonly string[],
): Promise<boolean> {
  const { clock, signal, name: writer } = process
  const { version } = world.definition
  const always = { name: 'rows', schema, buckets: 2, estimatedBytes: 0, policy: 'evolve' as const }
  const wanted = { ...always, version, partitionBy: partitionsOf(world), sharing: sharingOf(world) }
  try {
    const table = await openTable(wanted, { store, clock, writer, signal })
    const unfinished = (): string[] =>
      splits.filter(split => Number(table.positions().get(split) ?? 0) !== world.ends.get(split))
    while (unfinished().length > 0) {
      signal.throwIfAborted()
      if (world.scheduler.random.chance(0.4)) await untilMidnight(world, clock)
      else await pause(world, clock)
      await commitSome(table, world, unfinished(), process)
    }
    return true
  } catch (error) {
    const isOver = error instanceof FencedError || error instanceof TransientError
    if (isOver || isOutrun(error) || isAbort(error)) return false
    throw error
  }
}

/** None, fixed ones, or ones between which a row moves with most of its changes. */
function partitionsOf({ ends }: World): WantedPartition[] {
  const column = [null, 'id', 'note'][[...ends.values()][0]! % 3]
  return column ? [{ column, hash: 2 }] : []
}

/** In some worlds all changes are made under the lock of Hudi, as if other engines wrote as well. */
function sharingOf({ ends }: World): Sharing {
  return { ...defaultSharing, concurrency: ends.size === 2 ? 'shared' : 'exclusive' }
}

async function untilMidnight({ scheduler }: World, clock: Clock): Promise<void> {
  const leftMs = dayMs - (clock.nowMs() % dayMs)
  await clock.sleep(Math.max(0, leftMs - scheduler.random.between(0, 2_000)))
}

async function commitSome(
  table: TableWriter,
  { scheduler, ends }: World,
  splits: readonly string[],
  { clock, signal }: Process,
): Promise<void> {
  const { random } = scheduler
  const moves = splits.map(split => {
    const from = table.positions().get(split) ?? null
    const to = Math.min(ends.get(split)!, Number(from ?? 0) + random.between(1, 5))
    return { split, from, to: String(to) }
  })
  try {
    for (const { split, from, to } of moves) {
      const changes = dailyChanges(split, Number(from ?? 0), Number(to))
      await table.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
    }
    if (random.chance(0.3)) await clock.sleep(random.between(1, 5_000))
    await table.commit(moves, {}, signal)
  } catch (error) {
    await table.abort()
    if (!(error instanceof ConflictError)) throw error
    await table.refresh()
  }
}

/** A few rounds of this and that, then done. */
export async function runDailyServices(world: World, process: Process, store: ObjectStore): Promise<void> {
  const { clock, signal, name: writer } = process
  const { random } = world.scheduler
  try {
    for (let rounds = random.between(3, 12); rounds > 0; rounds--) {
      await pause(world, clock)
      const definition = await readDefinition(store)
      if (definition === null) continue
      const journal = await world.openJournal(store, { clock, signal, writer, sharing: sharingOf(world) })
      await serveDaily({ store, definition, journal, clock, signal }, () => random.chance(0.7))
    }
  } catch (error) {
    const isUnfinished = error instanceof ConfigError && error.code === 'LAKE_TABLE_MISSING'
    if (!(error instanceof TransientError) && !isUnfinished && !isOutrun(error) && !isAbort(error))
      throw error
  }
}

/** Another one took away what this one was about to read, with a request that was under way for more than an hour. */
function isOutrun(error: unknown): boolean {
  return error instanceof DataError && error.code === 'LAKE_FILE_MISSING'
}

/** @param isDue asked before each service */
export async function serveDaily(context: ServiceContext, isDue: () => boolean = () => true): Promise<void> {
  try {
    if (isDue()) await compactSome(context, daily.compaction)
    if (isDue()) await clean(context, daily.cleaning)
    if (isDue()) await coalesceLogs(context, daily.coalescing)
    if (isDue()) await advanceHistory(context, daily.advance)
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
  }
}
