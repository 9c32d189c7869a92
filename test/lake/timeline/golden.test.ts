// Timelines that Hudi's own Spark writer made.
import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { goldenExpectation, goldenTables, unpackGolden } from '#test/golden/unpack.ts'
import { systemClock } from '#common/clock.ts'
import { FileStore } from '#lake/storage/file.ts'
import { decodeCommitMetadata, encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { commitRecord } from '#lake/timeline/commit-schema.ts'
import type { CommitAction, TimelineLayout } from '#lake/timeline/instant-file.ts'
import { decodeProperties, tableChecksum } from '#lake/timeline/properties.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { latestTimes, loadTimeline } from '#lake/timeline/timeline.ts'

const tables = await goldenTables()
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-timeline-'))
})

after(() => rm(folder, { recursive: true, force: true }))

interface OpenGolden {
  store: FileStore
  layout: TimelineLayout
  timeline: TimelineInstant[]
}

async function openGolden(table: string): Promise<OpenGolden> {
  const store = new FileStore(await unpackGolden(table, folder), systemClock)
  const layout: TimelineLayout = table.startsWith('v6') ? 1 : 2
  return { store, layout, timeline: await loadTimeline(store, layout) }
}

describe('golden timelines', () => {
  for (const table of tables) {
    it(`${table}: lists the instants`, async () => {
      const { timeline } = await openGolden(table)
      const { instants } = await goldenExpectation(table)
      const completed = timeline.filter(({ state }) => state === 'completed')
      expect(completed.map(({ instant }) => instant)).to.deep.equal(instants.map(({ instant }) => instant))
      expect(completed.map(({ completionTime }) => completionTime)).to.deep.equal(
        instants.map(({ instant, completion }) => completion ?? instant),
      )
    })

    it(`${table}: reads and rewrites commit metadata`, async () => {
      const { store, layout, timeline } = await openGolden(table)
      const commits = timeline.filter(({ action }) => /^(delta|replace)?commit$/.test(action))
      expect(commits).not.to.have.length(0)
      for (const { path, action } of commits) {
        const metadata = decodeCommitMetadata((await store.get(path))!)
        const stats = Object.values(metadata.partitionToWriteStats).flat()
        expect(stats).not.to.have.length(0)
        for (const stat of stats) {
          const file = await store.get(stat.path)
          expect(file?.length, stat.path).to.equal(stat.fileSizeInBytes)
        }
        expect(JSON.parse(metadata.extraMetadata['schema']!)).to.have.property('type', 'record')
        const rewritten = encodeCommitMetadata(metadata, action as CommitAction, layout)
        expect(plain(decodeCommitMetadata(rewritten))).to.deep.equal(plain(metadata))
      }
    })

    it(`${table}: has the checksum of its name`, async () => {
      const { store } = await openGolden(table)
      const properties = decodeProperties((await store.get('.hoodie/hoodie.properties'))!)
      const name = properties.get('hoodie.table.name')!
      const checksum = tableChecksum(name, properties.get('hoodie.database.name'))
      expect(properties.get('hoodie.table.checksum')).to.equal(checksum)
    })
  }

  it('have the fields of our Avro record, in the same order', async () => {
    const { store, timeline } = await openGolden('v8_mor_compacted')
    const bytes = Buffer.from((await store.get(timeline[0]!.path))!)
    const text = bytes.toString('latin1')
    const golden = JSON.parse(
      text.slice(text.indexOf('{"type"'), text.lastIndexOf(']}') + 2).split('\u0000')[0]!,
    ) as Fields
    expect(fieldNames(golden)).to.deep.equal(fieldNames(commitRecord as unknown as Fields))
  })

  it('can be read from an instant on', async () => {
    const { store, timeline } = await openGolden('v8_mor_compacted')
    const after = timeline[1]!.instant
    expect(await loadTimeline(store, 2, after)).to.deep.equal(timeline.slice(2))
    expect(latestTimes(timeline)).to.deep.equal({
      instant: timeline.at(-1)!.instant,
      completionTime: timeline.at(-1)!.completionTime,
    })
  })
})

/** Without the classes avsc gives nested records. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown

interface Fields {
  fields: { name: string; type: unknown }[]
}

/** Names of the record's fields and, below `partitionToWriteStats`, of the write stat's. */
function fieldNames(record: Fields): string[] {
  return record.fields.flatMap(({ name, type }) => {
    const nested =
      /"name":"HoodieWriteStat","fields":/.test(JSON.stringify(type)) || name === 'partitionToWriteStats'
    if (!nested) return [name]
    const map = (type as [string, { values: { items: Fields } }])[1]
    return [name, ...map.values.items.fields.map(field => `${name}.${field.name}`)]
  })
}
