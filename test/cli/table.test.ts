// `sluice table` as a shell runs it, on a table of ours and on one that Spark wrote.
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { PositionMove } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import { systemClock } from '#common/clock.ts'
import type { HistoryEntry } from '#lake/reader/history.ts'
import type { TableReport } from '#lake/reader/table-report.ts'
import { openStore } from '#lake/storage/open.ts'
import { openTable } from '#lake/table/open-table.ts'
import { unpackGolden } from '#test/golden/unpack.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'

const sluice = fileURLToPath(new URL('../../cli/sluice.mjs', import.meta.url))

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

function run(...args: string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [sluice, 'table', ...args], (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  expect(stderr).to.equal('')
  expect(code).to.equal(0)
  return stdout
}

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int32' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
    { name: 'price', type: { kind: 'decimal', precision: 9, scale: 2 }, nullable: true },
  ],
  key: ['id'],
}

describe('sluice table', () => {
  let folder: string
  let ours: string
  let sparks: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-table-'))
    ours = join(folder, 'orders')
    sparks = await unpackGolden('v8_mor_compacted', folder)
    const store = await openStore(pathToFileURL(ours).href, { clock: systemClock })
    const { signal } = new AbortController()
    const wanted = {
      name: 'orders',
      schema,
      estimatedBytes: 0,
      buckets: 2,
      version: 8,
      policy: 'evolve',
    } as const
    const writer = await openTable(wanted, { store, clock: systemClock, writer: 'shop/lane-0', signal })
    const write = async (rows: RowChange[], moves: PositionMove[]): Promise<void> => {
      await writer.stage({ batch: batchOf(schema, rows), truncate: null }, signal)
      await writer.commit(moves, {}, signal)
    }
    const row = (id: number, note: string | null): RowChange['row'] => ({
      id,
      note,
      price: BigInt(id * 100 + 5),
    })
    await write(
      [1, 2, 3].map(id => ({ seq: id, row: row(id, `n${id}, "x"`) })),
      [{ split: 'wal', from: null, to: '0/10' }],
    )
    await write(
      [
        { op: 'update', seq: 4, row: row(2, null) },
        { op: 'delete', seq: 5, row: { id: 3 } },
      ],
      [{ split: 'wal', from: '0/10', to: '0/20' }],
    )
    await writer.close()
  })
  after(() => rm(folder, { recursive: true }))

  async function history(table: string): Promise<HistoryEntry[]> {
    return JSON.parse(await output('history', table, '-o', 'json')) as HistoryEntry[]
  }

  it('shows what a table is, how large, and where its splits stand', async () => {
    const report = JSON.parse(await output('show', ours, '--output', 'json')) as TableReport
    expect(report).to.deep.include({
      url: pathToFileURL(ours).href,
      name: 'orders',
      type: 'MERGE_ON_READ',
      version: 8,
      key: ['id'],
      orderingField: '_sluice_seq',
      fileGroups: 2,
      smallFiles: 2,
      commits: 3,
      positions: { wal: '0/20' },
    })
    expect(report.base.files).to.equal(2)
    expect(report.log.files).to.be.within(1, 2)
    expect(report.lagMs).to.be.at.least(0)
    expect(report.newestCommit?.instant).to.equal((await history(ours))[0]?.instant)
  })

  it('shows the same to people, in aligned columns', async () => {
    const text = await output('show', ours)
    expect(text).to.match(/^table {10}orders at file:/)
    expect(text).to.match(/^type {11}MERGE_ON_READ, table version 8$/m)
    expect(text).to.match(/^price {8}decimal\(9,2\)$/m)
    expect(text).to.match(/^SPLIT {2}POSITION\nwal {4}0\/20$/m)
  })

  it('shows another tool’s table, with what its columns hold', async () => {
    const types = await unpackGolden('v8_cow_types', folder)
    const report = JSON.parse(await output('show', types, '-o', 'json')) as TableReport
    expect(report.positions).to.equal(null)
    expect(report.columns.filter(({ readable }) => !readable)).to.deep.equal([])
    expect(report.columns).to.deep.include.members([
      { name: 'm', type: 'map<string,int32>', readable: true },
      { name: 'st', type: 'struct<a:int32,b:string,c:list<string>>', readable: true },
    ])
    expect(await output('show', types)).to.include('Made by another tool')
  })

  it('tells what each commit did, who it was and what moved, newest first', async () => {
    const entries = await history(ours)
    expect(entries.map(({ operation }) => operation)).to.deep.equal(['UPSERT', 'UPSERT', 'INSERT'])
    const [second, first] = entries as [HistoryEntry, HistoryEntry]
    expect(first.rows).to.include({ inserted: 3, updated: 0, deleted: 0 })
    expect(second.rows).to.include({ inserted: 0, updated: 1, deleted: 1 })
    expect(first.moves).to.deep.equal([{ split: 'wal', from: null, to: '0/10' }])
    expect(second.moves).to.deep.equal([{ split: 'wal', from: '0/10', to: '0/20' }])
    expect(second.writer).to.match(/^shop\/lane-0\//)
  })

  it('tells no more of the history than asked for, and how far the last one moved', async () => {
    const text = await output('history', ours, '--limit', '1')
    expect(text.trimEnd().split('\n')).to.have.lengthOf(2)
    expect(text).to.include('wal: 0/10 → 0/20')
  })

  it('tells of Spark’s commits, a compaction among them', async () => {
    const operations = (await history(sparks)).map(({ operation }) => operation)
    expect(operations).to.deep.equal(['UPSERT', 'COMPACT', 'DELETE', 'UPSERT', 'BULK_INSERT'])
  })

  it('reads rows as JSON and CSV', async () => {
    const lines = (text: string): string[] => text.trimEnd().split('\n').toSorted()
    expect(lines(await output('read', ours, '--columns', 'id,note,price', '-o', 'json'))).to.deep.equal([
      '{"id":1,"note":"n1, \\"x\\"","price":"1.05"}',
      '{"id":2,"note":null,"price":"2.05"}',
    ])
    expect(lines(await output('read', ours, '--columns', 'id,note', '-o', 'csv'))).to.deep.equal([
      '1,"n1, ""x"""',
      '2,',
      'id,note',
    ])
  })

  it('reads a state of the past, and what changed between two times', async () => {
    const [second, first] = (await history(ours)) as [HistoryEntry, HistoryEntry]
    const ids = async (...args: string[]): Promise<string[]> =>
      (await output('read', ours, '--columns', 'id', '-o', 'csv', ...args))
        .trimEnd()
        .split('\n')
        .slice(1)
        .toSorted()
    expect(await ids('--as-of', first.instant)).to.deep.equal(['1', '2', '3'])
    expect(await ids('--from', first.completionTime!)).to.deep.equal(['2'])
    expect(await ids('--from', '2001-01-01', '--to', first.completionTime!)).to.deep.equal(['1', '2', '3'])
    expect(await ids('--from', second.completionTime!)).to.deep.equal([])
  })

  it('shows people a few rows, and that there are more', async () => {
    const text = await output('read', sparks, '--columns', 'id,qty', '--limit', '2')
    expect(text).to.match(/^id {4}qty\n(k\d{3} +-?\d+\n){2}… more rows than 2: see --limit\n$/)
    expect(await output('read', sparks, '--columns', 'id,qty', '--limit', '23')).not.to.include('more rows')
  })

  describe('says what is wrong', () => {
    const failures: [name: string, args: (ours: string) => string[], code: number, message: RegExp][] = [
      [
        'no table',
        () => ['show', tmpdir()],
        1,
        /^sluice table: LAKE_TABLE_MISSING: There is no Hudi table at file:/,
      ],
      ['no such store', () => ['show', 'ftp://x/y'], 1, /^sluice table: STORAGE_URL_INVALID: /],
      ['no such column', at => ['read', at, '--columns', 'nope'], 1, /^sluice table: COLUMN_UNKNOWN: /],
      ['no such command', () => ['drop', 'x'], 2, /say what to do: show, history, read, check/],
      ['no URL', () => ['show'], 2, /give one table/],
      ['a time that is none', at => ['read', at, '--as-of', 'soon'], 2, /--as-of is an instant/],
      [
        'a state and a range',
        at => ['read', at, '--as-of', '2026-01-01', '--from', '2026-01-01'],
        2,
        /not both/,
      ],
      ['an option of another command', at => ['show', at, '--limit', '3'], 2, /--limit goes with/],
      ['a format there is not', at => ['read', at, '-o', 'xml'], 2, /--output is table or csv or json/],
    ]
    for (const [name, args, code, message] of failures)
      it(name, async () => {
        const outcome = await run(...args(ours))
        expect(outcome.stderr).to.match(message)
        expect(outcome.stdout).to.equal('')
        expect(outcome.code).to.equal(code)
      })

    it('all damaged files, what to do about them, and reads on past them', async () => {
      const broken = await unpackGolden('v8_mor_part_hive', folder)
      const store = await openStore(pathToFileURL(broken).href, { clock: systemClock })
      const all = JSON.parse(await output('check', broken, '-o', 'json')) as {
        rows: number
        damage: unknown[]
      }
      expect(all.damage).to.deep.equal([])
      expect(all.rows).to.be.greaterThan(0)
      const paths: string[] = []
      for await (const { path } of store.list('')) if (path.endsWith('.parquet')) paths.push(path)
      await store.put(paths[0]!, Buffer.from('no Parquet'))
      const check = await run('check', broken)
      expect(check.code).to.equal(1)
      expect(check.stdout).to.include(paths[0]!).and.to.include('What to do about LAKE_FILE_CORRUPT: Restore')
      const read = await run('read', broken, '-o', 'csv', '--skip-damaged')
      expect(read.code).to.equal(1)
      expect(read.stderr).to.include(paths[0]!)
      const partition = paths[0]!.slice(0, paths[0]!.lastIndexOf('/'))
      const others = [...new Set(paths.map(path => path.slice(0, path.lastIndexOf('/'))))]
        .filter(other => other !== partition)
        .join(',')
      // A damaged file of a partition that is not asked for is not even opened.
      const chosen = await output('read', broken, '-o', 'csv', '--partitions', others)
      expect(read.stdout).to.include(chosen.split('\n').at(1)!)
    })

    it('a damaged file, by its name', async () => {
      const broken = await unpackGolden('v6n_cow_nonpart', folder)
      const store = await openStore(pathToFileURL(broken).href, { clock: systemClock })
      for await (const { path } of store.list(''))
        if (path.endsWith('.parquet')) await store.put(path, Buffer.from('no Parquet'))
      const { stderr, code } = await run('read', broken)
      expect(stderr)
        .to.match(/LAKE_FILE_CORRUPT: The Parquet file [^ ]+\.parquet is damaged/)
        .and.include('What to do: Restore the object')
      expect(code).to.equal(1)
    })
  })
})
