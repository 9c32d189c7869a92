import { expect } from 'chai'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { goldenExpectation, goldenTables, unpackGolden } from './unpack.ts'

describe('golden tables', () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'golden-'))
  })
  after(() => rm(dir, { recursive: true }))

  it('unpack whole: every completed instant of the expectation is there', async () => {
    const tables = await goldenTables()
    expect(tables).to.have.lengthOf.at.least(10)
    for (const table of tables) {
      const path = await unpackGolden(table, dir)
      const expected = await goldenExpectation(table)
      const timeline = join(path, expected.table_version >= 8 ? '.hoodie/timeline' : '.hoodie')
      expect(expected.instants, table).to.not.be.empty
      for (const { file } of expected.instants) {
        expect((await readFile(join(timeline, file))).length, `${table} ${file}`).to.be.greaterThan(0)
      }
    }
  })

  it('keep the order of modification times, which v6 log placement depends on', async () => {
    const path = await unpackGolden('v6_mor_compacted', join(dir, 'again'))
    const { instants } = await goldenExpectation('v6_mor_compacted')
    const times = await Promise.all(
      instants.map(async ({ file }) => (await stat(join(path, '.hoodie', file))).mtimeMs),
    )
    expect(times).to.deep.equal(times.toSorted((a, b) => a - b))
    expect(new Set(times).size).to.equal(times.length)
    expect(times[0]).to.be.lessThan(Date.now() - 60_000)
  })
})
