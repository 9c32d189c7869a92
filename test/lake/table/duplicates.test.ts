import { expect } from 'chai'
import fc from 'fast-check'
import type { TableSchema } from '#catalog/types.ts'
import { ConflictError } from '#common/errors.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { Journal } from '#lake/journal/journal.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import { clusteringPolicy } from '#lake/services/plan-clustering.ts'
import { readDefinition } from '#lake/table/create.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { encodeCleanMetadata } from '#lake/timeline/clean-metadata.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { DuplicatePolicy } from '#lake/table/duplicates.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import type { RowChange, Value } from './vectors.ts'
import { batchOf } from './vectors.ts'

const schema: TableSchema = {
  columns: [
    { name: 'event', type: { kind: 'string' }, nullable: true },
    { name: 'part', type: { kind: 'int32' }, nullable: true },
    { name: 'n', type: { kind: 'int32' }, nullable: true },
  ],
  key: [],
}
const signal = new AbortController().signal
const minuteMs = 60_000

describe('an append table that drops duplicates', () => {
  let store: MemoryStore
  let clock: ReturnType<typeof fixedClock>
  let written: number
  beforeEach(() => {
    store = new MemoryStore()
    clock = fixedClock()
    written = 0
  })

  function open(changes: Partial<DuplicatePolicy> = {}): Promise<TableWriter> {
    const dropDuplicates = { columns: ['event'], windowMs: 60 * minuteMs, bytesMax: 1 << 20, ...changes }
    const wanted = {
      name: 't',
      schema,
      estimatedBytes: 0,
      version: 8,
      policy: 'evolve',
      dropDuplicates,
    } as const
    return openTable(wanted, { store, clock, writer: 'test', signal })
  }

  async function stage(writer: TableWriter, ...events: (Value | [Value, Value])[]): Promise<void> {
    const changes = events.map((given): RowChange => {
      const [event, part] = (Array.isArray(given) ? given : [given, null]) as [string | null, number | null]
      return { seq: ++written, row: { event, part, n: written } }
    })
    await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
  }

  async function append(writer: TableWriter, ...events: (Value | [Value, Value])[]): Promise<void> {
    await stage(writer, ...events)
    await writer.commit([], {}, signal)
  }

  /** The events of the table, as often as they are in it. */
  async function events(): Promise<unknown[]> {
    const found: { event: unknown; n: number }[] = []
    for await (const batch of (await TableReader.open(store)).read())
      for (const row of canonicalRows(batch)) found.push({ event: row['event'], n: Number(row['n']) })
    return found.toSorted((a, b) => a.n - b.n).map(({ event }) => event)
  }

  it('keeps the first of equal rows: in a batch, in a commit, and in later ones', async () => {
    const writer = await open()
    await stage(writer, 'a', 'b', 'a')
    await stage(writer, 'b', 'c')
    await writer.commit([], {}, signal)
    await append(writer, 'a', 'd', 'c')
    expect(await events()).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('knows after a restart what was committed before', async () => {
    await append(await open(), 'a', 'b')
    await append(await open(), 'b', 'c')
    expect(await events()).to.deep.equal(['a', 'b', 'c'])
  })

  it('knows after a restart what was committed before, although its files were put together since', async () => {
    const writer = await open()
    for (const event of ['a', 'b', 'c']) await append(writer, event)
    const definition = (await readDefinition(store))!
    const journal = await Journal.open(store, { clock, writer: 'services', signal })
    const context = { store, definition, journal, clock, signal }
    const clustered = await clusterSome(context, { ...clusteringPolicy(1 << 20), filesMin: 2 })
    expect(clustered).to.include({ filesBefore: 3 })
    await append(writer, 'a', 'd')
    await append(await open(), 'b', 'd', 'e')
    expect(await events()).to.deep.equal(['a', 'b', 'c', 'd', 'e'])
  })

  it('takes a cleaning on the timeline for no commit', async () => {
    await append(await open(), 'a')
    const [commit] = await loadTimeline(store, 2)
    clock.nowAtMs += minuteMs
    const instant = formatInstant(clock.nowMs())
    const body = encodeCleanMetadata({
      earliestCommitToRetain: commit!.instant,
      lastCompletedCommitTimestamp: commit!.instant,
      startCleanTime: instant,
      timeTakenInMillis: 1,
      totalFilesDeleted: 0,
      filesByPartition: {},
    })
    await store.put(`.hoodie/timeline/${instant}_${instant}.clean`, body)
    await append(await open(), 'a', 'b')
    expect(await events()).to.deep.equal(['a', 'b'])
  })

  it('takes a row again when the window is over, in a running writer as after a restart', async () => {
    const writer = await open()
    await append(writer, 'a')
    clock.nowAtMs += 59 * minuteMs
    await append(writer, 'a', 'b')
    clock.nowAtMs += 2 * minuteMs
    await append(writer, 'a', 'b')
    clock.nowAtMs += 61 * minuteMs
    await append(await open(), 'b')
    expect(await events()).to.deep.equal(['a', 'b', 'a', 'b'])
  })

  it('forgets what was staged and dropped', async () => {
    const writer = await open()
    await stage(writer, 'a')
    await writer.abort()
    await append(writer, 'a')
    expect(await events()).to.deep.equal(['a'])
  })

  it('compares all its columns, and takes a row with a null for like no other', async () => {
    const writer = await open({ columns: ['event', 'part'] })
    await append(
      writer,
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['a', null],
      ['a', null],
      [null, 1],
      [null, 1],
      ['a', 2],
    )
    expect(await events()).to.deep.equal(['a', 'a', 'b', 'a', 'a', null, null])
  })

  it('lets two writers go on beside each other when their rows differ', async () => {
    const [one, other] = [await open(), await open()]
    await stage(one, 'a')
    await stage(other, 'b')
    await one.commit([], {}, signal)
    await other.commit([], {}, signal)
    await one.refresh()
    await append(one, 'b', 'c')
    await other.refresh()
    await append(other, 'a', 'c', 'd')
    expect(await events()).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('refuses the commit of a row that another writer committed meanwhile, who may then stage the rest', async () => {
    const [one, other] = [await open(), await open()]
    await stage(one, 'a', 'b')
    await stage(other, 'b', 'c')
    await one.commit([], {}, signal)
    const refused = await other.commit([], {}, signal).catch((error: unknown) => error)
    expect(refused).to.be.instanceOf(ConflictError)
    await other.abort()
    await other.refresh()
    await append(other, 'b', 'c')
    expect(await events()).to.deep.equal(['a', 'b', 'c'])
  })

  it('refuses it too when it came to know of the row in the middle of its commit', async () => {
    const [one, other] = [await open(), await open()]
    await stage(other, 'b')
    await append(one, 'b')
    await other.refresh()
    await stage(other, 'c')
    const refused = await other.commit([], {}, signal).catch((error: unknown) => error)
    expect(refused).to.be.instanceOf(ConflictError)
  })

  it('stops, rather than let duplicates pass, when there are too many keys to remember', async () => {
    const writer = await open({ bytesMax: 64 << 10 })
    const many = Array.from({ length: 4000 }, (_, at) => `event ${at}`)
    const refused = await append(writer, ...many).catch((error: unknown) => error)
    expect(refused).to.have.property('code', 'DUPLICATES_MEMORY')
  })

  it('refuses columns that do not exist', async () => {
    const unknown = await open({ columns: ['events'] }).catch((error: unknown) => error)
    expect(unknown).to.have.property('code', 'COLUMN_UNKNOWN')
  })

  it('holds each row once, whatever several writers do at once', async () => {
    const acts = fc.array(
      fc.record({
        writer: fc.nat(2),
        act: fc.constantFrom<'stage' | 'commit' | 'abort' | 'refresh'>(
          'stage',
          'stage',
          'commit',
          'commit',
          'abort',
          'refresh',
        ),
        events: fc.array(fc.nat(15), { maxLength: 4 }),
      }),
      { minLength: 20, maxLength: 60 },
    )
    await fc.assert(
      fc.asyncProperty(acts, async given => {
        store = new MemoryStore()
        const writers = [await open(), await open(), await open()]
        const staged = new Map<TableWriter, Set<string>>()
        const committed = new Set<string>()
        const drop = async (writer: TableWriter): Promise<void> => {
          await writer.abort()
          staged.delete(writer)
        }
        for (const { writer: number, act, events: drawn } of given) {
          const writer = writers[number]!
          if (act === 'abort') await drop(writer)
          else if (act === 'refresh') await writer.refresh()
          else if (act === 'stage') {
            const texts = drawn.map(event => `e${event}`)
            await stage(writer, ...texts)
            staged.set(writer, new Set([...(staged.get(writer) ?? []), ...texts]))
          } else
            try {
              await writer.commit([], {}, signal)
              for (const event of staged.get(writer) ?? []) committed.add(event)
              staged.delete(writer)
            } catch (error) {
              expect(error).to.be.instanceOf(ConflictError)
              await drop(writer)
              await writer.refresh()
            }
        }
        expect((await events()).map(String).toSorted()).to.deep.equal([...committed].toSorted())
      }),
      { numRuns: 40 },
    )
  })
})
