// What every Target must do. Register it with a factory that returns an empty target and a way to see what a table
// of it holds; a target is done when it passes against the real thing.
import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import { ConfigError, ConflictError, FencedError } from '#common/errors.ts'
import type { TableWriter, Target, TargetTable } from '#connectors/connector.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { inOrder, TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf, unchanged } from '#test/lake/table/vectors.ts'

export interface TargetContract {
  /** A target without tables. */
  open: () => Promise<Target>
  /** The target's options for every table, valid and with defaults. */
  options: TargetTable['options']
  /** The rows of a table, by columns of the source's names, with `_sluice_seq`, in any order. */
  rows: (table: string) => Promise<readonly CanonicalRow[]>
  /**
   * Whether a delete that was committed wins over an older change of its key that comes later. A table that keeps
   * nothing of deleted rows cannot know; true when undefined.
   */
  remembersDeletes?: boolean
  /** Objects or rows of the table that no reader sees: what aborted work left. */
  leftovers: (table: string) => Promise<number>
}

const signal = new AbortController().signal
const orders: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'qty', type: { kind: 'int32' }, nullable: true },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}
const events: TableSchema = { columns: orders.columns, key: [] }

function tableOf(schema: TableSchema, changes: Partial<TargetTable> = {}): TargetTable {
  const size = { estimatedBytes: 0, estimatedRows: 0 }
  return { name: 'orders', schema, ...size, options: {}, schemaEvolution: 'evolve', ...changes }
}

function row(id: number, seq: number, note: string, op?: RowChange['op']): RowChange {
  return { seq, row: { id, qty: id * 2, note }, ...(op ? { op } : {}) }
}

async function stage(writer: TableWriter, changes: RowChange[], schema = orders): Promise<void> {
  await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error,
  )
}

export function targetContract(name: string, contract: TargetContract): void {
  const { open, options, rows, leftovers, remembersDeletes = true } = contract
  describe(`Target: ${name}`, () => {
    let target: Target
    const openTable = (table = tableOf(orders)): Promise<TableWriter> =>
      target.openTable({ ...table, options }, signal)
    const expectRows = async (model: TableModel): Promise<void> => {
      const found = inOrder(await rows('orders')).map(canonicalJson)
      expect(found).to.deep.equal(model.rows().map(canonicalJson))
    }

    beforeEach(async () => {
      target = await open()
    })
    afterEach(() => target.close())

    describe('a commit', () => {
      it('makes rows and positions visible together, and not before', async () => {
        const writer = await openTable()
        expect([...writer.positions()]).to.deep.equal([])
        const changes = [row(1, 10, 'one'), row(2, 11, 'two')]
        await stage(writer, changes)
        expect(await rows('orders')).to.have.lengthOf(0)
        const result = await writer.commit([{ split: 'log', from: null, to: '11' }], {}, signal)
        expect(result.rows).to.equal(2)
        expect(result.bytes).to.be.greaterThan(0)
        expect(result.commit).to.be.a('string')
        const model = new TableModel(orders)
        model.apply(changes)
        await expectRows(model)
        const again = await openTable()
        expect([...again.positions()]).to.deep.equal([['log', '11']])
      })

      it('takes all that was staged since the one before, in order', async () => {
        const writer = await openTable()
        const model = new TableModel(orders)
        const batches = [
          [row(1, 1, 'a'), row(2, 2, 'b')],
          [row(1, 3, 'c', 'update'), row(3, 4, 'd')],
          [row(2, 5, '', 'delete'), row(1, 6, '', 'delete'), row(1, 7, 'e', 'insert')],
        ]
        for (const batch of batches) {
          model.apply(batch)
          await stage(writer, batch)
        }
        await writer.commit([], {}, signal)
        await expectRows(model)
      })

      it('without rows only moves positions, and forgets finished splits', async () => {
        const writer = await openTable()
        const moved = await writer.commit(
          [
            { split: 'a', from: null, to: '1' },
            { split: 'b', from: null, to: '2' },
          ],
          {},
          signal,
        )
        expect(moved).to.deep.equal({ rows: 0, bytes: 0, commit: null })
        await writer.commit(
          [
            { split: 'a', from: '1', to: null },
            { split: 'b', from: '2', to: '3' },
          ],
          {},
          signal,
        )
        expect([...writer.positions()]).to.deep.equal([['b', '3']])
        expect(await rows('orders')).to.have.lengthOf(0)
      })

      it('is refused when a split does not stand where its move starts, and leaves nothing', async () => {
        const [owner, other] = [await openTable(), await openTable()]
        await stage(owner, [row(1, 1, 'mine')])
        await owner.commit([{ split: 'log', from: null, to: '1' }], {}, signal)
        await other.refresh(signal)
        await stage(other, [row(1, 2, 'stale', 'update')])
        expect(
          await failure(other.commit([{ split: 'log', from: null, to: '2' }], {}, signal)),
        ).to.be.instanceOf(FencedError)
        await other.abort()
        const model = new TableModel(orders)
        model.apply([row(1, 1, 'mine')])
        await expectRows(model)
        expect(await leftovers('orders')).to.equal(0)
      })

      it('that lost a race says so, and goes through when staged again', async () => {
        const [a, b] = [await openTable(), await openTable()]
        await stage(a, [row(1, 1, 'a')])
        await stage(b, [row(1, 1, 'b'), row(2, 2, 'b')])
        await a.commit([{ split: 'a', from: null, to: '1' }], {}, signal)
        const moves = [{ split: 'b', from: null, to: '1' }]
        const lost = await b.commit(moves, {}, signal).catch((error: unknown) => error)
        if (lost instanceof Error) {
          expect(lost).to.be.instanceOf(ConflictError)
          await b.abort()
          await b.refresh(signal)
          await stage(b, [row(1, 1, 'b'), row(2, 2, 'b')])
          await b.commit(moves, {}, signal)
        }
        expect(await rows('orders')).to.have.lengthOf(2)
        expect([...b.positions()]).to.have.deep.members([
          ['a', '1'],
          ['b', '1'],
        ])
      })
    })

    describe('abort', () => {
      it('drops what was staged, and the writer goes on', async () => {
        const writer = await openTable()
        await stage(writer, [row(1, 1, 'dropped')])
        await writer.abort()
        expect(await leftovers('orders')).to.equal(0)
        const model = new TableModel(orders)
        model.apply([row(2, 2, 'kept')])
        await stage(writer, [row(2, 2, 'kept')])
        await writer.commit([], {}, signal)
        await expectRows(model)
      })
    })

    describe('a table with a key', () => {
      it('holds the newest change of each key, by position in the batch and by sequence', async () => {
        const writer = await openTable()
        const model = new TableModel(orders)
        const first = Array.from({ length: 3000 }, (_, id) => row(id, id, 'first'))
        const second = [
          ...Array.from({ length: 1500 }, (_, at) => row(at * 2, 10_000 + at, 'second', 'update')),
          row(7, 20_000, '', 'delete'),
          row(8, 20_001, '', 'delete'),
          row(8, 20_001, 'again', 'insert'),
          row(9, 20_002, 'x', 'update'),
          row(9, 20_003, 'y', 'update'),
        ]
        for (const batch of [first, second]) {
          model.apply(batch)
          await stage(writer, batch)
          await writer.commit([], {}, signal)
        }
        await expectRows(model)
      })

      it('lets no older change win that is committed later', async () => {
        const writer = await openTable()
        for (const changes of [[row(1, 10, 'newer'), row(2, 10, 'gone')], [row(2, 11, '', 'delete')]]) {
          await stage(writer, changes)
          await writer.commit([], {}, signal)
        }
        await stage(writer, [row(1, 5, 'older'), ...(remembersDeletes ? [row(2, 5, 'older')] : [])])
        await writer.commit([], {}, signal)
        const model = new TableModel(orders)
        model.apply([row(1, 10, 'newer')])
        await expectRows(model)
      })

      it('keeps values that a change left out', async () => {
        const writer = await openTable()
        const model = new TableModel(orders)
        const left = (id: number, seq: number): RowChange => ({
          op: 'update',
          seq,
          row: { id, qty: seq, note: unchanged },
        })
        for (const batch of [
          [row(1, 1, 'one'), row(2, 2, 'two')],
          [left(1, 3), left(1, 4), row(2, 5, 'new', 'update')],
          [left(2, 6)],
        ]) {
          model.apply(batch)
          await stage(writer, batch)
        }
        await writer.commit([], {}, signal)
        for (const batch of [[left(1, 7)], [left(2, 8)]]) {
          model.apply(batch)
          await stage(writer, batch)
        }
        await writer.commit([], {}, signal)
        await expectRows(model)
      })

      it('is empty after a truncate but for what follows it', async () => {
        const writer = await openTable()
        await stage(writer, [row(1, 1, 'a'), row(2, 2, 'b')])
        await writer.commit([], {}, signal)
        await stage(writer, [row(3, 3, 'c')])
        const after = [row(2, 5, 'd')]
        await writer.stage({ batch: batchOf(orders, after), truncate: { sequence: 4n } }, signal)
        await writer.commit([], {}, signal)
        const model = new TableModel(orders)
        model.apply(after)
        await expectRows(model)
      })
    })

    describe('a table without a key', () => {
      it('keeps every row', async () => {
        const writer = await openTable(tableOf(events))
        const twice = [row(1, 1, 'a'), row(1, 2, 'a')]
        for (const batch of [twice, [row(2, 3, 'b')]]) {
          await stage(writer, batch, events)
          await writer.commit([], {}, signal)
        }
        expect((await rows('orders')).map(({ note }) => note)).to.have.members(['a', 'a', 'b'])
      })

      it('keeps what is no insert as a row of its own', async () => {
        const writer = await openTable(tableOf(events))
        await stage(writer, [row(1, 1, 'a')], events)
        const batch = batchOf(events, [row(1, 2, 'b', 'update'), row(1, 3, '', 'delete')])
        await writer.stage({ batch, truncate: { sequence: 4n } }, signal)
        await writer.commit([], {}, signal)
        expect(await rows('orders')).to.have.lengthOf(4)
      })
    })

    describe('the schema', () => {
      const withColour: TableSchema = {
        columns: [...orders.columns, { name: 'colour', type: { kind: 'string' }, nullable: true }],
        key: ['id'],
      }

      it('grows by the policy evolve, for all writers, also in the middle of a commit', async () => {
        const [writer, other] = [await openTable(), await openTable()]
        const model = new TableModel(withColour)
        await stage(writer, [row(1, 1, 'a')])
        await writer.evolve(withColour, signal)
        const coloured: RowChange = { seq: 2, row: { id: 2, qty: 4, note: 'b', colour: 'red' } }
        await writer.stage({ batch: batchOf(withColour, [coloured]), truncate: null }, signal)
        await writer.commit([], {}, signal)
        await other.refresh(signal)
        expect(other.schema.columns.map(column => column.name)).to.include('colour')
        await stage(other, [row(3, 3, 'c')])
        await other.commit([], {}, signal)
        model.apply([row(1, 1, 'a'), coloured, row(3, 3, 'c')])
        await expectRows(model)
      })

      it('stays by the policy ignore: new columns are not written', async () => {
        const writer = await openTable(tableOf(orders, { schemaEvolution: 'ignore' }))
        await writer.evolve(withColour, signal)
        const coloured: RowChange = { seq: 2, row: { id: 2, qty: 4, note: 'b', colour: 'red' } }
        await writer.stage({ batch: batchOf(withColour, [coloured]), truncate: null }, signal)
        await writer.commit([], {}, signal)
        const model = new TableModel(orders)
        model.apply([coloured])
        await expectRows(model)
      })

      it('is refused by the policy fail, with a reason', async () => {
        const writer = await openTable(tableOf(orders, { schemaEvolution: 'fail' }))
        const error = await failure(writer.evolve(withColour, signal))
        expect(error).to.be.instanceOf(ConfigError)
        expect(error).to.have.property('code', 'SCHEMA_CHANGE_REFUSED')
        expect((error as Error).message).to.contain('colour')
      })

      it('keeps a dropped column, null from then on', async () => {
        const writer = await openTable()
        await stage(writer, [row(1, 1, 'a')])
        await writer.commit([], {}, signal)
        const narrow: TableSchema = { columns: orders.columns.slice(0, 2), key: ['id'] }
        await writer.evolve(narrow, signal)
        await writer.stage(
          { batch: batchOf(narrow, [{ seq: 2, row: { id: 2, qty: 3 } }]), truncate: null },
          signal,
        )
        await writer.commit([], {}, signal)
        const model = new TableModel(orders)
        model.apply([row(1, 1, 'a'), { seq: 2, row: { id: 2, qty: 3 } }])
        await expectRows(model)
      })

      it('with another key is refused', async () => {
        await openTable()
        for (const key of [[], ['qty']]) {
          const error = await failure(openTable(tableOf({ columns: orders.columns, key })))
          expect(error).to.be.instanceOf(ConfigError)
        }
      })
    })
  })
}
