import { expect } from 'chai'
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { ConflictError, FencedError } from '#common/errors.ts'
import { TableFiles } from '#lake/table/table-files.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { allTypes, extremes } from '#test/lake/table/all-types.ts'
import { canonicalOf, TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf, unchanged } from '#test/lake/table/vectors.ts'
import { Random } from '../sync/random.ts'
import type { DirectLake } from './lakes.ts'
import { bucketLake, expectRows, folderLake, signal, withReaders, writerOf } from './lakes.ts'

const appendTypes: TableSchema = { columns: allTypes.columns, key: [] }
const shop: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'qty', type: { kind: 'int32' }, nullable: true },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}

function column(name: string, type: ColumnType): Column {
  return { name, type, nullable: true }
}

async function stageAndCommit(
  writer: TableWriter,
  schema: TableSchema,
  ...batches: RowChange[][]
): Promise<void> {
  for (const changes of batches)
    await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
  await writer.commit([], {}, signal)
}

function rowsOf(from: number, count: number, seq: number, note: string): RowChange[] {
  return Array.from({ length: count }, (_, at) => ({
    seq: seq + at,
    row: { id: from + at, qty: at, note: `${note} ${from + at}` },
  }))
}

const updates = (changes: RowChange[]): RowChange[] => changes.map(change => ({ op: 'update', ...change }))
const deletes = (changes: RowChange[]): RowChange[] =>
  changes.map(({ seq, row }) => ({ op: 'delete', seq, row: { id: row['id']! } }))

for (const [where, open] of [
  ['a folder', folderLake],
  ['a bucket', bucketLake],
] as const)
  describe(`tables in ${where}, read by Spark and hudi-rs`, () => {
    requires('hudi', 'minio')
    let lake: DirectLake
    let readers: HudiReaders
    withReaders(open, given => ({ lake, readers } = given))

    it('a writer that died over the first base file hides nothing that others commit later', async () => {
      const wanted = { name: 'left', schema: shop, buckets: 1 }
      const winner = await writerOf(lake, wanted, 'winner')
      const dead = await writerOf(lake, wanted, 'dead')
      const model = new TableModel(shop)
      const commit = async (changes: RowChange[]): Promise<void> => {
        model.apply(changes)
        await stageAndCommit(winner, shop, changes)
      }
      const first = rowsOf(1, 30, 100, 'first')
      await winner.stage({ batch: batchOf(shop, first), truncate: null }, signal)
      model.apply(first)
      await dead.stage({ batch: batchOf(shop, rowsOf(1, 30, 200, 'never')), truncate: null }, signal)
      await winner.commit([], {}, signal)
      await commit(updates(rowsOf(10, 30, 300, 'second')))
      await commit(deletes(rowsOf(5, 10, 400, '')))
      await commit(rowsOf(100, 20, 500, 'third'))
      await expectRows(lake, 'left', model.rows(), readers)
      await winner.close()
    })

    it('append tables keep every row, of every type, of several writers at once', async () => {
      const writers = await Promise.all(
        [1, 2].map(number => writerOf(lake, { name: 'log', schema: appendTypes }, `w${number}`)),
      )
      const expected: CanonicalRow[] = []
      for (const [index, writer] of writers.entries()) {
        const changes = extremes.map((row, at) => ({
          seq: index * 100 + at,
          row: { id: `${index}-${at}`, ...row },
        }))
        await writer.stage({ batch: batchOf(appendTypes, changes), truncate: null }, signal)
        for (const { seq, row } of changes)
          expected.push({ ...canonicalOf(appendTypes, row), _sluice_seq: seq })
      }
      for (const writer of writers.toReversed()) await writer.commit([], {}, signal)
      await expectRows(lake, 'log', expected, readers)
    })

    it('append tables of sources that change rows keep each change with its operation', async () => {
      const writer = await writerOf(lake, { name: 'changes', schema: { ...shop, key: [] } })
      const changes: RowChange[] = [...rowsOf(1, 2, 1, 'first')]
      await stageAndCommit(writer, shop, changes)
      const later: RowChange[] = [...updates(rowsOf(1, 1, 10, 'second')), ...deletes(rowsOf(2, 1, 11, ''))]
      await writer.stage({ batch: batchOf(shop, later), truncate: { sequence: 9n } }, signal)
      await writer.commit([], {}, signal)
      const expected = [...changes, ...later].map(({ op, seq, row }) => ({
        ...canonicalOf(shop, row),
        _sluice_seq: Number(seq),
        _sluice_op: op ?? null,
      }))
      const truncated = { id: null, qty: null, note: null, _sluice_seq: 9, _sluice_op: 'truncate' }
      await expectRows(lake, 'changes', [...expected, truncated], readers)
    })

    it('keyed tables hold the newest change of each key, of every type', async () => {
      const writer = await writerOf(lake, { name: 'types', schema: allTypes })
      const model = new TableModel(allTypes)
      const first = extremes.map((row, at): RowChange => ({ seq: at, row: { id: `k${at}`, ...row } }))
      const turned = extremes.map((row, at): RowChange => ({
        op: 'update',
        seq: 100 + at,
        row: { id: `k${(at + 1) % extremes.length}`, ...row },
      }))
      const others = extremes.map((row, at): RowChange => ({
        op: 'insert',
        seq: 200 + at,
        row: { id: `n${at}`, ...row },
      }))
      const gone: RowChange[] = [
        { op: 'delete', seq: 300, row: { id: 'k0' } },
        { op: 'delete', seq: 301, row: { id: 'k1' } },
        { op: 'insert', seq: 302, row: { id: 'k1', ...extremes[1] } },
      ]
      for (const batch of [first, turned, [...others, ...gone]]) {
        model.apply(batch)
        await stageAndCommit(writer, allTypes, batch)
      }
      await expectRows(lake, 'types', model.rows(), readers)
    })

    it('keyed tables take large batches, several in one commit, whatever they do to the same keys', async () => {
      const writer = await writerOf(lake, { name: 'large', schema: shop, buckets: 2 })
      const model = new TableModel(shop)
      const commits: RowChange[][][] = [
        // The first commit makes base files, then logs on them.
        [
          rowsOf(0, 6000, 0, 'base'),
          updates(rowsOf(0, 3000, 10_000, 'log')),
          deletes(rowsOf(100, 50, 20_000, '')),
        ],
        [updates(rowsOf(90, 5000, 30_000, 'again')), deletes(rowsOf(0, 2500, 40_000, ''))],
        [updates(rowsOf(0, 10, 50_000, 'back'))],
      ]
      for (const batches of commits) {
        for (const batch of batches) model.apply(batch)
        await stageAndCommit(writer, shop, ...batches)
      }
      await expectRows(lake, 'large', model.rows(), readers)
    })

    it('a first commit of deletes alone still deletes what a slower writer brings', async () => {
      const [early, late] = [
        await writerOf(lake, { name: 'deletes', schema: shop, buckets: 1 }, 'early'),
        await writerOf(lake, { name: 'deletes', schema: shop, buckets: 1 }, 'late'),
      ]
      await stageAndCommit(early, shop, deletes(rowsOf(1, 2, 10, '')))
      await late.refresh()
      const model = new TableModel(shop)
      model.apply(rowsOf(3, 2, 5, 'kept'))
      await stageAndCommit(late, shop, [...rowsOf(1, 2, 3, 'late'), ...rowsOf(3, 2, 5, 'kept')])
      await expectRows(lake, 'deletes', model.rows(), readers)
    })

    it('table version 9', async () => {
      const writer = await writerOf(lake, { name: 'nine', schema: shop, buckets: 2, version: 9 })
      const model = new TableModel(shop)
      const batches = [
        rowsOf(0, 2500, 0, 'base'),
        [...updates(rowsOf(0, 30, 5000, 'log')), ...deletes(rowsOf(50, 5, 6000, ''))],
        [...updates(rowsOf(20, 2200, 7000, 'large')), ...deletes(rowsOf(0, 2, 9999, ''))],
      ]
      for (const batch of batches) {
        model.apply(batch)
        await stageAndCommit(writer, shop, batch)
      }
      await expectRows(lake, 'nine', model.rows(), readers)
    })

    it('the state after each commit, and what a commit brought', async () => {
      const writer = await writerOf(lake, { name: 'history', schema: shop, buckets: 2 })
      const model = new TableModel(shop)
      const states: { instant: string; ids: unknown[] }[] = []
      const batches = [
        rowsOf(0, 20, 0, 'base'),
        [...updates(rowsOf(5, 3, 50, 'log')), ...deletes(rowsOf(10, 5, 60, ''))],
        updates(rowsOf(12, 4, 70, 'back')),
      ]
      for (const batch of batches) {
        model.apply(batch)
        await writer.stage({ batch: batchOf(shop, batch), truncate: null }, signal)
        const { commit } = await writer.commit([], {}, signal)
        states.push({ instant: commit!, ids: model.rows().map(({ id }) => id) })
      }
      const s3 = lake.s3 ? { s3: lake.s3 } : {}
      for (const { instant, ids } of states)
        for (const read of [
          readers.readSpark(lake.url('history'), { ...s3, asOf: instant }),
          readers.readHudiRs(lake.url('history'), { ...s3, asOf: instant }),
        ])
          expect((await read).map(({ id }) => id)).to.have.members(ids)
      const { timeline } = await TableFiles.load(lake.store.at('history'), 2)
      const incrementalFrom = timeline.completionTime(states[1]!.instant)!
      for (const read of [
        readers.readSpark(lake.url('history'), { ...s3, incrementalFrom }),
        readers.readHudiRs(lake.url('history'), { ...s3, incrementalFrom }),
      ])
        expect((await read).map(({ id }) => id)).to.have.members([12, 13, 14, 15])
    })

    it('changes that share a sequence, as those of a transaction do: the later one holds', async () => {
      const writer = await writerOf(lake, { name: 'ties', schema: shop, buckets: 2 })
      const model = new TableModel(shop)
      const random = new Random(7)
      let written = 0
      for (let commit = 0; commit < 8; commit++) {
        const batches = Array.from({ length: 3 }, (_, batch) =>
          Array.from({ length: 40 }, (): RowChange => {
            const op = (['insert', 'update', 'delete'] as const)[random.below(3)]!
            const seq = commit * 2 + (batch >> 1)
            const id = random.below(60)
            written++
            const note = op === 'update' && written % 2 === 0 ? unchanged : `note ${written}`
            return { op, seq, row: op === 'delete' ? { id } : { id, qty: written, note } }
          }),
        )
        for (const batch of batches) model.apply(batch)
        await stageAndCommit(writer, shop, ...batches)
      }
      await expectRows(lake, 'ties', model.rows(), readers)
    })

    it('composite keys of several types', async () => {
      const schema: TableSchema = {
        columns: [
          { name: 'shop', type: { kind: 'string' }, nullable: false },
          { name: 'day', type: { kind: 'date' }, nullable: false },
          { name: 'no', type: { kind: 'decimal', precision: 8, scale: 2 }, nullable: false },
          { name: 'total', type: { kind: 'int64' }, nullable: true },
        ],
        key: ['shop', 'day', 'no'],
      }
      const writer = await writerOf(lake, { name: 'composite', schema })
      const model = new TableModel(schema)
      const rows = (seq: number, op: 'insert' | 'update'): RowChange[] =>
        ['a', 'b,c:d', '', 'é'].flatMap((name, at) => ({
          op,
          seq: seq + at,
          row: { shop: name, day: at, no: 150n, total: seq },
        }))
      for (const batch of [rows(0, 'insert'), rows(10, 'update').slice(1)]) {
        model.apply(batch)
        await stageAndCommit(writer, schema, batch)
      }
      await expectRows(lake, 'composite', model.rows(), readers)
    })

    for (const { what, wider, more } of [
      {
        what: 'added',
        wider: [...shop.columns, column('colour', { kind: 'string' })],
        more: { colour: 'red' },
      },
      {
        what: 'widened',
        wider: shop.columns.with(1, column('qty', { kind: 'int64' })),
        more: { qty: 2n ** 40n },
      },
    ])
      it(`columns that are ${what}, also by writers that do not know it yet`, async () => {
        const table = `evolved_${what}`
        const evolved: TableSchema = { columns: wider, key: ['id'] }
        const old = await writerOf(lake, { name: table, schema: shop, buckets: 2 }, 'old')
        const current = await writerOf(lake, { name: table, schema: shop, buckets: 2 }, 'new')
        const first = rowsOf(0, 4000, 1, 'first')
        const logs = updates(rowsOf(0, 2500, 5000, 'log'))
        await stageAndCommit(old, shop, first)
        await stageAndCommit(old, shop, logs)
        await current.refresh()
        await current.evolve(evolved)
        const newer = updates(rowsOf(2000, 2100, 10_000, 'wide')).map(change => ({
          ...change,
          row: { ...change.row, ...more },
        }))
        await stageAndCommit(current, evolved, newer)
        const narrow = updates(rowsOf(5, 3, 20_000, 'narrow'))
        await old.stage({ batch: batchOf(shop, narrow), truncate: null }, signal)
        await old.commit([], {}, signal).then(
          () => expect.fail('committed against columns that are gone'),
          (error: unknown) => expect(error).to.be.instanceOf(ConflictError),
        )
        await old.abort()
        await old.refresh()
        await stageAndCommit(old, shop, narrow)
        const model = new TableModel(evolved)
        for (const batch of [first, logs, newer, narrow]) model.apply(batch)
        await expectRows(lake, table, model.rows(), readers)
      })

    it('values the source left out, from the batch, the commit and the table', async () => {
      const writer = await writerOf(lake, { name: 'toast', schema: shop, buckets: 2 })
      const model = new TableModel(shop)
      const left = (id: number, seq: number, qty: number): RowChange => ({
        op: 'update',
        seq,
        row: { id, qty, note: unchanged },
      })
      const commits: RowChange[][][] = [
        [rowsOf(0, 20, 0, 'base')],
        [updates(rowsOf(3, 2, 30, 'log'))],
        [
          [left(0, 40, 400), left(3, 41, 410), left(3, 42, 420)],
          [...updates(rowsOf(7, 1, 50, 'staged')), left(8, 51, 510)],
          [left(7, 60, 600), left(8, 61, 610), left(0, 62, 620)],
        ],
      ]
      for (const batches of commits) {
        for (const batch of batches) model.apply(batch)
        await stageAndCommit(writer, shop, ...batches)
      }
      await expectRows(lake, 'toast', model.rows(), readers)
    })

    it('a truncated table, with what came after', async () => {
      const writer = await writerOf(lake, { name: 'truncated', schema: shop, buckets: 2 })
      const model = new TableModel(shop)
      await stageAndCommit(writer, shop, rowsOf(0, 3000, 0, 'old'))
      await writer.stage({ batch: batchOf(shop, rowsOf(5000, 10, 4000, 'staged')), truncate: null }, signal)
      const after = rowsOf(10, 5, 6001, 'new')
      await writer.stage({ batch: batchOf(shop, after), truncate: { sequence: 6000n } }, signal)
      await writer.commit([], {}, signal)
      model.apply(after)
      await expectRows(lake, 'truncated', model.rows(), readers)
    })

    it('two writers that cross on the same buckets', async () => {
      const writers = [
        await writerOf(lake, { name: 'crossing', schema: shop, buckets: 2 }, 'a'),
        await writerOf(lake, { name: 'crossing', schema: shop, buckets: 2 }, 'b'),
      ] as const
      const model = new TableModel(shop)
      const [a, b] = writers
      await a.stage({ batch: batchOf(shop, rowsOf(0, 10, 0, 'a')), truncate: null }, signal)
      await b.stage({ batch: batchOf(shop, rowsOf(100, 10, 0, 'b')), truncate: null }, signal)
      await b.commit([{ split: 'b', from: null, to: '1' }], {}, signal)
      await a.commit([{ split: 'a', from: null, to: '1' }], {}, signal).then(
        () => expect.fail('two first base files of one group'),
        (error: unknown) => expect(error).to.be.instanceOf(ConflictError),
      )
      await a.abort()
      await a.refresh()
      await a.stage({ batch: batchOf(shop, rowsOf(0, 10, 0, 'a')), truncate: null }, signal)
      await b.stage({ batch: batchOf(shop, updates(rowsOf(100, 5, 50, 'b2'))), truncate: null }, signal)
      await b.commit([{ split: 'b', from: '1', to: '2' }], {}, signal)
      await a.commit([{ split: 'a', from: null, to: '1' }], {}, signal)
      for (const batch of [rowsOf(0, 10, 0, 'a'), rowsOf(100, 10, 0, 'b'), updates(rowsOf(100, 5, 50, 'b2'))])
        model.apply(batch)
      await expectRows(lake, 'crossing', model.rows(), readers)
      await a.stage({ batch: batchOf(shop, rowsOf(200, 1, 0, 'x')), truncate: null }, signal)
      await a.commit([{ split: 'b', from: '1', to: '3' }], {}, signal).then(
        () => expect.fail('moved a split it does not own'),
        (error: unknown) => expect(error).to.be.instanceOf(FencedError),
      )
      await a.abort()
      await expectRows(lake, 'crossing', model.rows(), readers)
    })
  })
