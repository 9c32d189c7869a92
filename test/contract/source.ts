// What every source must do, whatever it reads. A connector's source is done when this suite passes against the
// real server: call describeSource() in a test file of the connector, with a harness that makes rows there.
import { expect } from 'chai'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { batchBytes } from '#catalog/change-batch.ts'
import { layoutOf } from '#catalog/column.ts'
import type { Position } from '#catalog/position.ts'
import { typesEqual } from '#catalog/types.ts'
import type { ReadLimits, Source, SourceChunk, SourceTable, Split } from '#connectors/connector.ts'

/** One job on one table (or topic) of a real server; each test has its own. */
export interface SourceHarness {
  /** The source's name of the table. */
  readonly table: string
  /** A string column of it that holds a row's id. */
  readonly idColumn: string
  /** Opens a source of the job; the harness closes it. */
  open(): Promise<Source>
  /** Adds rows with these ids, each of some 200 bytes or more. */
  append(ids: readonly string[]): Promise<void>
  end(): Promise<void>
}

const limits: ReadLimits = { chunkBytesMax: 32 * 1024, lingerMs: 50 }
const never = new AbortController().signal

/** What a target would hold of the job: positions, and the ids of the rows. */
class Target {
  readonly positions = new Map<string, Position>()
  readonly ids: string[] = []
  /** Rows of chunks that ended without a position, by split: staged, not committed. */
  readonly #staged = new Map<string, string[]>()

  take(split: Split, chunk: SourceChunk, idColumn: string): void {
    const staged = this.#staged.get(split.id) ?? []
    for (const { batch } of chunk.changes) staged.push(...idsOf(batch, idColumn))
    this.#staged.set(split.id, staged)
    if (chunk.position === null) return
    this.positions.set(split.id, chunk.position)
    this.ids.push(...staged)
    this.#staged.delete(split.id)
  }

  hasAll(ids: readonly string[]): boolean {
    const held = new Set(this.ids)
    return ids.every(id => held.has(id))
  }

  crash(): void {
    this.#staged.clear()
  }
}

export function describeSource(name: string, create: () => Promise<SourceHarness>): void {
  describe(`${name} as a source`, () => {
    let harness: SourceHarness
    let source: Source
    let target: Target
    beforeEach(async () => {
      harness = await create()
      source = await harness.open()
      target = new Target()
    })
    afterEach(() => harness.end())

    const numbered = (prefix: string, count: number): string[] =>
      Array.from({ length: count }, (_, index) => `${prefix}${index}`)

    const tables = async (from: Source = source): Promise<SourceTable[]> => {
      const found = (await from.discover(never)).filter(table => table.name === harness.table)
      return found.map(({ name: table, schema }) => ({
        name: table,
        schema,
        positions: new Map(target.positions),
        mode: 'snapshotAndStream',
        start: 'earliest',
      }))
    }

    const plan = async (from: Source = source): Promise<readonly Split[]> => {
      const { splits, initialPositions } = await from.plan(await tables(from), never)
      for (const [split, position] of initialPositions.get(harness.table) ?? [])
        target.positions.set(split, position)
      return splits
    }

    /** Reads one split until it ends, the signal aborts, or as many chunks as wanted were taken. */
    const readSplit = async (
      split: Split,
      options: {
        from?: Source
        signal?: AbortSignal
        chunksMax?: number
        onChunk?: (chunk: SourceChunk) => void
      },
    ): Promise<SourceChunk[]> => {
      const { from = source, signal = never, chunksMax = Infinity, onChunk } = options
      const chunks: SourceChunk[] = []
      for await (const chunk of from.read(split, await tables(from), limits, signal)) {
        target.take(split, chunk, harness.idColumn)
        chunks.push(chunk)
        onChunk?.(chunk)
        if (chunks.length >= chunksMax) break
      }
      return chunks
    }

    /** Reads until the target has these ids: bounded splits to their end, then the others side by side. */
    const readUntil = async (
      wanted: readonly string[],
      splits: readonly Split[],
      options: { from?: Source; chunksMax?: number } = {},
    ): Promise<Map<Split, SourceChunk[]>> => {
      const read = new Map<Split, SourceChunk[]>(splits.map(split => [split, []]))
      for (const split of splits.filter(({ bounded }) => bounded))
        for (let more = true; more;) {
          const chunks = await readSplit(split, options)
          read.get(split)!.push(...chunks)
          more = chunks.length === options.chunksMax
          target.crash()
        }
      while (!target.hasAll(wanted)) {
        const enough = new AbortController()
        const onChunk = (): void => {
          if (options.chunksMax !== undefined || target.hasAll(wanted)) enough.abort()
        }
        const unbounded = splits.filter(({ bounded }) => !bounded)
        await Promise.all(
          unbounded.map(async split => {
            read.get(split)!.push(...(await readSplit(split, { ...options, signal: enough.signal, onChunk })))
          }),
        )
        target.crash()
      }
      return read
    }

    /** Reads on for as long as a worker takes to look twice, and acknowledges. */
    const readUntilQuiet = async (splits: readonly Split[]): Promise<void> => {
      const unbounded = splits.filter(({ bounded }) => !bounded)
      await Promise.all(unbounded.map(split => readSplit(split, { signal: AbortSignal.timeout(300) })))
      for (const split of unbounded) await source.acknowledge(split, target.positions.get(split.id)!)
    }

    const expectExactly = (ids: readonly string[]): void => {
      expect(target.ids.toSorted()).to.deep.equal(ids.toSorted())
    }

    it('discovers the table with its columns', async () => {
      await harness.append(['a'])
      const [table] = await tables()
      expect(table?.schema.columns.find(column => column.name === harness.idColumn)?.type).to.deep.equal({
        kind: 'string',
      })
    })

    it('plans the same splits again, and gives positions only once', async () => {
      await harness.append(numbered('a', 10))
      const first = await plan()
      expect(first.length).to.be.greaterThan(0)
      const again = await source.plan(await tables(), never)
      expect(again.splits).to.deep.equal(first)
      expect([...(again.initialPositions.get(harness.table) ?? [])]).to.deep.equal([])
      for (const split of first) expect(target.positions.has(split.id), split.id).to.equal(true)
    })

    it('reads what was there and what comes, every row once', async () => {
      const [before, meanwhile, after] = [numbered('a', 300), numbered('b', 50), numbered('c', 50)]
      await harness.append(before)
      const splits = await plan()
      await harness.append(meanwhile)
      await readUntil([...before, ...meanwhile], splits)
      expectExactly([...before, ...meanwhile])
      await harness.append(after)
      await readUntil(
        [...before, ...meanwhile, ...after],
        splits.filter(split => !split.bounded),
      )
      expectExactly([...before, ...meanwhile, ...after])
    })

    it('goes on after a crash from whatever position the target holds', async () => {
      const ids = numbered('a', 500)
      await harness.append(ids)
      await readUntil(ids, await plan(), { chunksMax: 1 })
      expectExactly(ids)
    })

    it('lets any source of the job read what one has planned', async () => {
      const ids = numbered('a', 50)
      await harness.append(ids)
      await readUntil(ids, await plan(), { from: await harness.open() })
      expectExactly(ids)
    })

    it('moves positions forward only, and never lets a sequence fall', async () => {
      const [before, after] = [numbered('a', 300), numbered('b', 300)]
      await harness.append(before)
      const splits = await plan()
      const held = new Map(target.positions)
      await harness.append(after)
      for (const [split, chunks] of await readUntil([...before, ...after], splits)) {
        let position = held.get(split.id)!
        let sequence = -(2n ** 63n)
        for (const chunk of chunks) {
          if (chunk.position !== null) {
            expect(
              source.compare(chunk.position, position),
              `${position} -> ${chunk.position}`,
            ).to.be.at.least(0)
            expect(source.compare(position, chunk.position)).to.be.at.most(0)
            position = chunk.position
          }
          for (const { batch } of chunk.changes)
            for (const next of batch.sequences.subarray(0, batch.length)) {
              expect(next >= sequence, `${sequence} -> ${next}`).to.equal(true)
              sequence = next
            }
        }
      }
    })

    it('gives batches that are whole, and no larger than asked for', async () => {
      const [before, after] = [numbered('a', 600), numbered('b', 600)]
      await harness.append(before)
      const splits = await plan()
      await harness.append(after)
      const chunks = [...(await readUntil([...before, ...after], splits)).values()].flat()
      for (const { batch } of chunks.flatMap(({ changes }) => changes)) {
        expectWhole(batch)
        expect(batchBytes(batch)).to.be.at.most(limits.chunkBytesMax * 2)
      }
    })

    it('ends quietly when told to, also while it waits', async () => {
      await harness.append(['a'])
      const splits = await plan()
      await readUntil(['a'], splits)
      const stop = new AbortController()
      setTimeout(() => stop.abort(), 100)
      await readSplit(
        splits.find(split => !split.bounded)!,
        { signal: stop.signal },
      )
      expect(stop.signal.aborted).to.equal(true)
    })

    it('says how far behind a position is, and takes acknowledgements', async () => {
      const splits = await plan()
      const starts = new Map(target.positions)
      await harness.append(numbered('a', 200))
      const lag = async (positions: ReadonlyMap<string, Position>): Promise<number> => {
        let amount = 0
        for (const split of splits.filter(({ bounded }) => !bounded))
          amount += (await source.lag(split, positions.get(split.id)!, never)).amount
        return amount
      }
      const before = await lag(starts)
      expect(before).to.be.greaterThan(0)
      await readUntil(numbered('a', 200), splits)
      for (const split of splits) await source.acknowledge(split, target.positions.get(split.id)!)
      expect(await lag(target.positions)).to.be.lessThan(before)
    })

    it('tells whether there is something to read, without reading it', async () => {
      await harness.append(numbered('a', 20))
      const unread = async (): Promise<string | null> => source.unread!(await tables(), never)
      expect(await unread(), 'nothing read yet').to.be.a('string')
      const splits = await plan()
      await readUntil(numbered('a', 20), splits)
      // To its very end: what follows the rows of a transaction moves the position as well.
      while ((await unread()) !== null) await readUntilQuiet(splits)
      expect(await unread(), 'all is read').to.equal(null)
      await harness.append(['b'])
      expect(await unread(), 'one more row').to.be.a('string')
      expect(await unread(), 'asked again').to.be.a('string')
      await readUntil(['b'], splits)
      expectExactly([...numbered('a', 20), 'b'])
    })

    it('tears down what it made, as often as asked', async () => {
      await harness.append(['a'])
      await plan()
      await source.teardown(never)
      await source.teardown(never)
    })
  })
}

function idsOf(batch: ChangeBatch, idColumn: string): string[] {
  const column = batch.columns[batch.schema.columns.findIndex(({ name }) => name === idColumn)]
  if (column?.layout !== 'binary') throw new Error(`${idColumn} is not a string column`)
  return Array.from({ length: batch.length }, (_, row) =>
    Buffer.from(column.data.subarray(column.offsets[row], column.offsets[row + 1])).toString(),
  )
}

function expectWhole(batch: ChangeBatch): void {
  expect(batch.columns).to.have.length(batch.schema.columns.length)
  expect(batch.sequences.length).to.be.at.least(batch.length)
  if (batch.operations) expect(batch.operations.length).to.be.at.least(batch.length)
  for (const [index, { name, type }] of batch.schema.columns.entries()) {
    const vector = batch.columns[index]!
    expect(vector.length, name).to.equal(batch.length)
    expect(typesEqual(vector.type, type), name).to.equal(true)
    expect(vector.layout, name).to.equal(layoutOf(type))
  }
  for (const key of batch.schema.key) expect(batch.schema.columns.map(({ name }) => name)).to.include(key)
}
