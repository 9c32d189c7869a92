// Whole tables with damaged files: every damage is told with the file, the code and the way to mend it, the other file
// groups stay readable, and no damaged byte gives other rows than were written.
import { expect } from 'chai'
import fc from 'fast-check'
import { errorCodes } from '#common/error-codes.ts'
import { SyncError } from '#common/errors.ts'
import { entryPath } from '#lake/journal/entry.ts'
import { propertiesPath } from '#lake/journal/table-guard.ts'
import { checkTable } from '#lake/reader/check-table.ts'
import { isDamage } from '#lake/reader/damage.ts'
import type { GroupDamage } from '#lake/reader/table-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { KeyedTable, notes } from '#test/lake/services/keyed-table.ts'
import { canonicalRows } from './canonical.ts'

/** Two file groups, each with a base file and logs of rows and deletes. */
async function table(): Promise<KeyedTable> {
  const made = new KeyedTable()
  const writer = await made.openWriter()
  await made.write(writer, notes(0, 60, 'first'))
  await made.write(writer, notes(10, 40, 'second'))
  await made.write(writer, notes(20, 30, null))
  await made.write(writer, notes(25, 50, 'last'))
  await writer.close()
  return made
}

async function pathsOf(store: MemoryStore): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of store.list('')) paths.push(path)
  return paths
}

async function readRows(store: MemoryStore, onDamage?: (damage: GroupDamage) => void): Promise<string[]> {
  const reader = await TableReader.open(store)
  const rows: string[] = []
  for await (const batch of reader.read(onDamage ? { onDamage } : {}))
    rows.push(...canonicalRows(batch).map(canonicalJson))
  return rows.toSorted()
}

type Mutation = (bytes: Buffer) => Uint8Array | null

const flip =
  (at: (bytes: Buffer) => number): Mutation =>
  bytes => {
    bytes[at(bytes)]! ^= 0xff
    return bytes
  }
/** Where the last column's page begins. */
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
const logs = /^\.[^/]+\.log\./
const bases = /^[^/]+\.parquet$/

const damages: { name: string; file: RegExp; mutate: Mutation; code?: string; says?: RegExp }[] = [
  { name: 'a log block with a bad magic', file: logs, mutate: flip(() => 2), says: /at byte 0/ },
  { name: 'a log block of another length', file: logs, mutate: flip(() => 12), says: /at byte 0/ },
  { name: 'a torn log block', file: logs, mutate: bytes => bytes.subarray(0, bytes.length >> 1) },
  { name: 'a value changed in a log block', file: logs, mutate: flip(bytes => bytes.length - 30) },
  {
    name: 'garbage after a log block',
    file: logs,
    mutate: bytes => Buffer.concat([bytes, Buffer.from('garbage')]),
  },
  { name: 'a log file that is gone', file: logs, mutate: () => null, code: 'LAKE_FILE_MISSING' },
  { name: 'a truncated base file', file: bases, mutate: bytes => bytes.subarray(0, bytes.length - 100) },
  { name: 'an empty base file', file: bases, mutate: () => Buffer.alloc(0) },
  {
    name: 'a damaged page',
    file: bases,
    mutate: flip(bytes => bytes.lastIndexOf(zstdMagic) + 6),
    says: /row group 0/,
  },
  { name: 'a damaged footer', file: bases, mutate: flip(bytes => bytes.length - 300) },
  { name: 'a base file that is gone', file: bases, mutate: () => null, code: 'LAKE_FILE_MISSING' },
]

describe('a damaged table', () => {
  for (const { name, file, mutate, code = 'LAKE_FILE_CORRUPT', says } of damages)
    it(`says where: ${name}`, async () => {
      const { store, expected } = await table()
      const path = (await pathsOf(store)).find(each => file.test(each))!
      const bytes = mutate(Buffer.from((await store.get(path))!))
      if (bytes === null) await store.delete([path])
      else await store.put(path, bytes)

      const { damage } = await checkTable(store)
      expect(damage.map(error => error.code)).to.deep.equal([code])
      const [found] = damage
      expect(found!.context).to.include({ table: store.url, path })
      expect(found!.message).to.include(path)
      if (says) expect(found!.message).to.match(says)
      expect(errorCodes[found!.code].remedy).to.include('repairing-a-table')

      // What is gone nobody misses who only lists files, Spark no more than we.
      if (bytes === null) return
      expect(await readRows(store).catch((error: unknown) => error)).to.have.property('code', code)
      const skipped: GroupDamage[] = []
      const rows = await readRows(store, each => skipped.push(each))
      expect(skipped.map(({ fileId }) => fileId)).to.deep.equal([path.replace(/^\./, '').split('_')[0]])
      expect(rows.length).to.be.within(10, expected.length - 10)
      expect(expected).to.include.members(rows)
    })

  const properties: { name: string; change: (text: string) => string; says: string }[] = [
    {
      name: 'no table type',
      change: text => text.replace(/hoodie\.table\.type=.*\n/, ''),
      says: 'table.type',
    },
    { name: 'another type', change: text => text.replace('MERGE_ON', 'MERGF_ON'), says: 'MERGF_ON_READ' },
    {
      name: 'another ordering field',
      change: text => text.replace('_sluice_seq\n', '_sluice_sex\n'),
      says: 'ordering',
    },
    {
      name: 'a changed name',
      change: text => text.replace('table.name=t', 'table.name=u'),
      says: 'checksum',
    },
    { name: 'nothing', change: () => '', says: 'hoodie.table.name' },
  ]
  for (const { name, change, says } of properties)
    it(`says what is wrong with hoodie.properties: ${name}`, async () => {
      const made = await table()
      const { store } = made
      const writer = await made.openWriter()
      const text = Buffer.from((await store.get(propertiesPath))!).toString('latin1')
      expect(change(text)).to.not.equal(text)
      await store.put(propertiesPath, Buffer.from(change(text)))
      const error = await TableReader.open(store).catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'LAKE_FILE_CORRUPT' })
      expect((error as SyncError).message)
        .to.include(propertiesPath)
        .and.to.include(says)
      // Who writes needs to know no more than what kind of table it is.
      if (says === 'ordering') return
      const refused = await made.write(writer, notes(0, 1, 'more')).catch((thrown: unknown) => thrown)
      expect(refused, String(refused)).to.include({ code: 'LAKE_FILE_CORRUPT' })
    })

  it('gets its hoodie.properties back from what the table was made as, and its rows with it', async () => {
    const made = await table()
    const before = Buffer.from((await made.store.get(propertiesPath))!)
    const paths = await pathsOf(made.store)
    await made.store.delete([propertiesPath])
    await (await made.openWriter()).close()
    expect(Buffer.from((await made.store.get(propertiesPath))!).toString()).to.equal(before.toString())
    expect(await pathsOf(made.store)).to.include.members(paths)
    expect(await made.found()).to.deep.equal(made.expected)
  })

  it('names damaged commits and journal entries, and a reader that needs them says so', async () => {
    const { store } = await table()
    const commits = (await pathsOf(store)).filter(path => path.endsWith('.deltacommit'))
    for (const path of [commits.at(-1)!, entryPath(3)]) {
      const bytes = Buffer.from((await store.get(path))!)
      const whole = Buffer.from(bytes)
      bytes[bytes.length >> 1]! ^= 0x10
      await store.put(path, bytes)
      const found = path === entryPath(3) ? (await checkTable(store)).damage : [await failureOf(store)]
      expect(found.map(error => error.context['path'])).to.deep.equal([path])
      await store.put(path, whole)
    }
    expect((await checkTable(store)).damage).to.deep.equal([])
  })

  it('never gives other rows than were written, whatever bytes of whatever file changed', async () => {
    const made = await table()
    const { store, expected } = made
    const files = (await pathsOf(store)).filter(path => !path.includes('/.sluice/'))
    const edit = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
    const cut = fc.option(fc.nat(), { freq: 4 })
    await fc.assert(
      fc.asyncProperty(
        fc.nat(files.length - 1),
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        cut,
        async (file, edits, length) => {
          const path = files[file]!
          const bytes = Buffer.from((await store.get(path))!)
          const whole = Buffer.from(bytes)
          for (const [at, mask] of edits) if (bytes.length > 0) bytes[at % bytes.length]! ^= mask
          await store.put(path, length === null ? bytes : bytes.subarray(0, length % (bytes.length + 1)))
          try {
            const rows = await readRows(store)
            expect(rows, path).to.deep.equal(expected.toSorted())
          } catch (error) {
            if (!(error instanceof SyncError)) throw error
          } finally {
            await store.put(path, whole)
          }
        },
      ),
      { numRuns: 600, interruptAfterTimeLimit: 10_000 },
    )
  })
})

async function failureOf(store: MemoryStore): Promise<SyncError> {
  const error = await readRows(store).catch((thrown: unknown) => thrown)
  expect(isDamage(error), String(error)).to.equal(true)
  return error as SyncError
}
