import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { FileStore } from '#lake/storage/file.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import type { ReadOptions } from '#test/bed/hudi-readers.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { Days, hourMs } from '#test/lake/services/days.ts'

describe('a past that is kept by days, read by Spark and hudi-rs', function () {
  requires('hudi')
  this.timeout(300_000)
  let days: Days
  let folder: string | undefined
  let readers: HudiReaders
  before(async () => {
    days = new Days()
    days.table.clock.nowAtMs -= 20 * 24 * hourMs
    await days.live(6)
    await days.serve()
    readers = await HudiReaders.start()
  })
  beforeEach(() => fill())
  afterEach(() => rm(folder!, { recursive: true, force: true }))
  after(() => readers.stop())

  /** Puts the table into a folder of its own: Spark may remember the files of one it has read. */
  async function fill(): Promise<void> {
    if (folder !== undefined) await rm(folder!, { recursive: true, force: true })
    folder = await mkdtemp(join(tmpdir(), 'sluice-history-'))
    const to = new FileStore(folder, systemClock)
    for await (const { path } of days.table.store.list(''))
      await to.put(path, (await days.table.store.get(path))!)
  }

  function readings(): [string, (options?: ReadOptions) => Promise<readonly CanonicalRow[]>][] {
    return [
      ['Spark', options => readers.readSpark(folder!, options)],
      ['hudi-rs', options => readers.readHudiRs(folder!, options)],
    ]
  }

  async function expectStates(): Promise<void> {
    const ends = days.ends()
    const newest = [...days.states.values()].at(-1)
    for (const [reader, read] of readings()) {
      expect((await read()).map(canonicalJson).toSorted(), reader).to.deep.equal(newest?.toSorted())
      for (const asOf of [ends[0]!, ends[2]!, ends[3]!, ends.at(-3)!])
        expect((await read({ asOf })).map(canonicalJson).toSorted(), `${reader} as of ${asOf}`).to.deep.equal(
          days.states.get(asOf)?.toSorted(),
        )
    }
  }

  it('while the logs of older days lie beside the one that stands for them', expectStates)

  it('when only that one is left', async () => {
    days.table.clock.nowAtMs += 2 * hourMs
    await days.serve()
    const logs = (await listDataFiles(days.table.store)).filter(({ kind }) => kind === 'log')
    expect(logs.length).to.be.below(50)
    await fill()
    await expectStates()
  })

  it('in what the commits of later days changed, as far as these are on the timeline', async () => {
    const [, , from] = days.ends() as [string, string, string]
    const all = await days.changesOf(from, '99991231235959999')
    // Base files keep the commit times of commits that were merged away: other readers pass over their rows.
    const expected = await rowsOfCommitsSince(from)
    expect(all).to.include.members(expected)
    expect(expected.length).to.be.below(all.length)
    for (const [reader, read] of readings()) {
      const rows = await read({ incrementalFrom: from })
      expect(rows.map(canonicalJson).toSorted(), reader).to.deep.equal(expected)
    }
    await expectStates()
  })

  /** The rows of the newest state that a commit wrote which is on the timeline and completed after this time. */
  async function rowsOfCommitsSince(from: string): Promise<string[]> {
    const reader = await TableReader.open(days.table.store)
    const commits = reader.commits.filter(({ completionTime }) => completionTime! > from)
    const instants = new Set<unknown>(commits.map(({ instant }) => instant))
    const columns = [...reader.schema.columns.map(({ name }) => name), '_hoodie_commit_time']
    return (await days.table.rows({}, columns))
      .flatMap(({ _hoodie_commit_time: time, ...row }) => (instants.has(time) ? [canonicalJson(row)] : []))
      .toSorted()
  }
})
