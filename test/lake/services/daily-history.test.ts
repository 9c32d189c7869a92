import { expect } from 'chai'
import type { SyncError } from '#common/errors.ts'
import type { CoalescedRecord } from '#lake/reader/coalesced-record.ts'
import { readRecords } from '#lake/reader/coalesced-record.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { readCommit } from '#lake/reader/reach.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean } from '#lake/services/clean.ts'
import { coalesceLogs } from '#lake/services/coalesce-logs.ts'
import { compactSome } from '#lake/services/compact.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { cleaning, dayMs, Days, hourMs } from './days.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { HookedStore } from './hooked-store.ts'
import { eager, KeyedTable, notes } from './keyed-table.ts'

const policy = { ageMsMin: dayMs, queryMsMax: hourMs, bytesMax: 1 << 20 }

describe('the past of a merge-on-read table', () => {
  let days: Days
  beforeEach(async () => {
    days = new Days()
    await days.live(6)
  })

  it('keeps every state with few of the base files that compactions wrote', async () => {
    const before = await days.count('base')
    await clean(await days.table.services(), cleaning)
    await days.expectStates([...days.states.keys()])
    expect(before).to.be.greaterThan(15)
    // Of two buckets: the first, the newest, and the one before it until an hour has passed.
    expect(await days.count('base')).to.be.at.most(6)
  })

  it('keeps the base file of a savepoint, and all while another engine has something under way', async () => {
    const before = await days.count('base')
    const context = await days.table.services()
    const pending = `.hoodie/timeline/${formatInstant(days.table.clock.nowMs())}.clean.requested`
    await days.table.store.put(pending, new Uint8Array(0))
    await clean(context, cleaning)
    expect(await days.count('base')).to.equal(before)
    await days.table.store.delete([pending])
    const at = [...days.states.keys()][14]!
    await days.table.store.put(`.hoodie/timeline/${at}_${at}.savepoint`, new Uint8Array(0))
    await clean(context, cleaning)
    expect(await days.count('base')).to.be.within(5, 8)
    await days.expectStates([...days.states.keys()])
  })

  it('keeps of older days the state at their end, in one log file a day and bucket', async () => {
    const logs = await days.count('log')
    await days.serve()
    await days.expectStates(days.ends())
    days.table.clock.nowAtMs += 2 * hourMs
    await days.serve()
    await days.expectStates(days.ends())
    expect(await days.count('log')).to.be.below(logs * 0.55)
    // Nothing is left to do, and nothing changes.
    const names = (await listDataFiles(days.table.store)).map(({ name }) => name)
    await days.serve()
    expect((await listDataFiles(days.table.store)).map(({ name }) => name)).to.deep.equal(names)
  })

  it('takes the commits off the timeline whose logs were merged, as the table lives on', async () => {
    for (let day = 0; day < 4; day++) {
      await days.serve()
      await days.live(1)
    }
    await days.serve()
    await days.expectStates(days.ends())
    const perDay = Map.groupBy(await loadTimeline(days.table.store, 2), ({ instant }) => instant.slice(0, 8))
    const lengths = [...perDay.values()].map(({ length }) => length)
    expect(Math.max(...lengths.slice(1, 6))).to.be.at.most(4)
  })

  describe('read by ranges of commits', () => {
    it('gives the changes between the ends of any two days, also over compactions', async () => {
      await days.serve()
      expect(await days.refusedRanges(days.ends())).to.deep.equal([])
      days.table.clock.nowAtMs += 2 * hourMs
      await days.serve()
      expect(await days.refusedRanges(days.ends())).to.deep.equal([])
    })

    it('answers any range over a compaction that found a merged log before the commits told of it', async () => {
      days = new Days()
      await days.live(2, { compacts: false })
      days.table.clock.nowAtMs += dayMs
      await days.serve()
      await compactSome(await days.table.services(), eager)
      days.states.set(formatInstant(days.table.clock.nowMs() + 5_000), days.table.expected)
      expect(await days.refusedRanges([...days.states.keys()])).to.deep.equal([])
    })

    it('refuses what begins or ends within a day whose changes are one by now', async () => {
      await days.serve()
      const times = [...days.states.keys()].filter((_, at) => at % 3 === 1)
      expect(await days.refusedRanges(times)).to.deep.equal([])
      days.table.clock.nowAtMs += 2 * hourMs
      await days.serve()
      const refused = await days.refusedRanges(times)
      expect(refused.length).to.be.greaterThan(20)
      const ends = days.ends()
      expect(refused.filter(range => range.every(time => ends.includes(time)))).to.deep.equal([])
    })

    it('finds the changes of logs that are gone in the merged one, when it died before it said so', async () => {
      await days.serve()
      days.table.clock.nowAtMs += 2 * hourMs
      const logs = await days.count('log')
      const failing = new HookedStore(days.table.store)
      failing.before = async () => {
        if ((await days.count('log')) < logs) throw new Error('died')
      }
      await days.serve(failing).catch(() => undefined)
      expect(await days.count('log')).to.be.below(logs)
      expect(await days.refusedRanges(days.ends())).to.deep.equal([])
    })

    it('names no log that is gone in a commit that stays', async () => {
      await days.serve()
      days.table.clock.nowAtMs += 2 * hourMs
      await days.serve()
      const { commits, files } = await TableReader.open(days.table.store)
      const present = new Set(files.map(({ path }) => path))
      for (const { path } of commits) {
        const { partitionToWriteStats } = await readCommit(days.table.store, path)
        for (const stat of Object.values(partitionToWriteStats).flat())
          if (stat.logFiles !== undefined) expect(present, path).to.include(stat.path)
      }
    })

    it('keeps a commit whose log of another group was cleaned: a base file may hold its rows', async () => {
      const table = new KeyedTable()
      const writer = await table.openWriter()
      const made = await table.write(writer, notes(0, 20, 'first'))
      const byFile = Map.groupBy(
        await table.rows({}, ['id', '_hoodie_file_name']),
        row => row['_hoodie_file_name'],
      )
      const groups = [...byFile.values()].map(rows => rows.map(({ id }) => id as number))
      const [[here], [there, besides]] = groups as [number[], number[]]
      await table.write(writer, [
        { id: here!, note: 'a' },
        { id: there!, note: 'kept by its commit' },
      ])
      await table.write(writer, [{ id: besides!, note: 'b' }])
      // Of the other group alone, whose two logs go when the retention has passed over it.
      await compactSome(await table.services(), { ...eager, logFilesMin: 2 })
      await table.write(writer, [{ id: here!, note: 'c' }])
      table.clock.nowAtMs += 3 * dayMs
      await table.write(writer, [{ id: here!, note: 'd' }])
      const from = (await TableReader.open(table.store)).commits.find(
        at => at.instant === made,
      )!.completionTime!
      const changes = async (): Promise<string[]> => {
        const rows: string[] = []
        const reader = await TableReader.open(table.store)
        for await (const batch of reader.read({ from, columns: ['note'] }))
          rows.push(...canonicalRows(batch).map(({ note }) => note as string))
        return rows.toSorted()
      }
      expect(await changes()).to.deep.equal(['b', 'd', 'kept by its commit'])
      await clean(await table.services(), { ...cleaning, retentionMs: dayMs, instantsMin: 100 })
      await coalesceLogs(await table.services(), policy)
      table.clock.nowAtMs += 2 * hourMs
      expect((await coalesceLogs(await table.services(), policy)).removed).to.equal(2)
      expect(await changes()).to.deep.equal(['b', 'd', 'kept by its commit'])
    })

    describe('where a commit got a merged log, and has its part in that of another', () => {
      let table: KeyedTable
      /** Of which the commits in between are one by now. */
      let range: { from: string; to: string }
      beforeEach(async () => {
        table = new KeyedTable()
        const writer = await table.openWriter()
        await table.write(writer, notes(0, 20, 'first'))
        const files = await table.rows({}, ['id', '_hoodie_file_name'])
        const groups = Map.groupBy(files, row => row['_hoodie_file_name']).values()
        const [[here, besides], [there]] = [...groups].map(rows => rows.map(({ id }) => id as number)) as [
          [number, number],
          [number],
        ]
        table.clock.nowAtMs += dayMs
        const from = formatInstant(table.clock.nowMs())
        await table.write(writer, [
          { id: there, note: 'a' },
          { id: here, note: 'a' },
        ])
        await table.write(writer, [
          { id: there, note: 'b' },
          { id: besides, note: 'b' },
        ])
        await table.write(writer, [{ id: here, note: 'c' }])
        table.clock.nowAtMs += dayMs
        range = { from, to: formatInstant(table.clock.nowMs()) }
        table.clock.nowAtMs += dayMs
        await coalesceLogs(await table.services(), policy)
        table.clock.nowAtMs += 2 * hourMs
        await table.write(writer, [{ id: here, note: 'd' }])
      })

      async function changes(on = table.store): Promise<string[]> {
        const rows: string[] = []
        for await (const batch of (await TableReader.open(on)).read({ ...range, columns: ['note'] }))
          rows.push(...canonicalRows(batch).map(({ note }) => note as string))
        return rows.toSorted()
      }

      it('answers in full when it died before both commits told of it', async () => {
        for (let dies = 0, died = true; died; dies++) {
          const copy = await table.copy()
          const failing = new HookedStore(copy.store)
          let puts = 0
          failing.beforePut = () => {
            if (puts++ === dies) throw new Error('died')
          }
          const services = coalesceLogs(await copy.services(failing), policy)
          died = await services.then(
            () => false,
            () => true,
          )
          expect(await changes(copy.store), `died at put ${dies}`).to.deep.equal(['b', 'b', 'c'])
        }
      })

      it('answers in full or refuses while both are made to tell of it', async () => {
        let answered = 0
        for (let request = 0, isOver = false; !isOver; request++) {
          const copy = await table.copy()
          const read = new HookedStore(copy.store)
          // Between two requests of the reader all is done but the removing.
          read.before = async () => {
            if (read.requests !== request + 1) return
            const failing = new HookedStore(copy.store)
            failing.delete = () => Promise.reject(new Error('died'))
            await coalesceLogs(await copy.services(failing), policy).catch(() => undefined)
          }
          const found = await changes(read).catch((error: unknown) => {
            if ((error as SyncError).code !== 'LAKE_HISTORY_GONE') throw error
          })
          isOver = read.requests <= request
          if (found) answered++
          if (found) expect(found, `at request ${request}`).to.deep.equal(['b', 'b', 'c'])
        }
        expect(answered).to.be.above(5)
      })
    })

    it('answers none in part while that is done', async () => {
      await days.serve()
      days.table.clock.nowAtMs += 2 * hourMs
      const times = [...days.ends().slice(1, 3), [...days.states.keys()][9]!].toSorted()
      for (let dies = 0, died = true; died; dies += 11) {
        const copy = await days.copy()
        died = await copy.serveAndDie(dies)
        for (const range of await copy.refusedRanges(times)) expect(range).to.include(times[1])
      }
    })

    it('refuses what begins before the timeline', async () => {
      const retentionMs = 4 * dayMs
      for (let day = 0; day < 4; day++) {
        await days.live(1)
        await days.serve(days.table.store, retentionMs)
      }
      const first = (await TableReader.open(days.table.store)).commits[0]!.instant
      const before = days.ends().filter(time => time < first)
      expect(before).to.not.equal([])
      for (const from of before)
        expect(await days.refusedRanges([from, days.ends().at(-1)!])).to.have.lengthOf(1)
    })
  })

  describe('of which only some days are kept', () => {
    const retentionMs = 4 * dayMs
    /** Those still kept, but for the day that is cut through. */
    const kept = (): string[] => {
      const from = formatInstant(days.table.clock.nowMs() - retentionMs + dayMs)
      return days.ends().filter(time => time > from)
    }

    it('costs the same however long the table lives: its beginning moves on', async () => {
      const bases: number[] = []
      for (let day = 0; day < 8; day++) {
        await days.live(1)
        await days.serve(days.table.store, retentionMs)
        await days.expectStates(kept())
        bases.push(await days.count('base'))
      }
      expect(Math.max(...bases.slice(2))).to.be.at.most(8)
      const oldest = (await listDataFiles(days.table.store)).map(({ instant }) => instant).toSorted()[0]!
      expect(oldest > formatInstant(days.table.clock.nowMs() - retentionMs - 2 * dayMs)).to.equal(true)
    })

    it('loses nothing when it dies at any request', async () => {
      await days.serve(days.table.store, retentionMs)
      await days.live(2)
      for (let dies = 0, died = true; died; dies += 23) {
        const copy = await days.copy()
        died = await copy.serveAndDie(dies, retentionMs)
        await copy.expectStates(kept())
        await copy.serve(copy.table.store, retentionMs)
        await copy.expectStates(kept())
      }
    })
  })

  describe('when it died between a record and its merged log', () => {
    let record: CoalescedRecord
    /** The log that was not stored. */
    let log: [path: string, bytes: Uint8Array]
    beforeEach(async () => {
      const failing = new HookedStore(days.table.store)
      failing.beforePut = (path, bytes) => {
        if (path.includes('/coalesced/'))
          record = JSON.parse(Buffer.from(bytes).toString()) as CoalescedRecord
        if (!path.includes('.log.')) return
        log = [path, bytes]
        throw new Error('died')
      }
      await days.serve(failing).catch(() => undefined)
      await days.serve()
      days.table.clock.nowAtMs += 2 * hourMs
      // The logs that were to be merged are not waited for any longer.
      await days.serve()
      days.table.clock.nowAtMs += 2 * hourMs
      await days.serve()
    })

    /** Of the group the commit which the merged log was to be written under names one log, a merged one. */
    async function isNamedAndThere(): Promise<boolean> {
      const { instant, stat } = record
      const { commits, files } = await TableReader.open(days.table.store)
      const { path } = commits.find(at => at.instant === instant)!
      const { partitionToWriteStats } = await readCommit(days.table.store, path)
      const named = partitionToWriteStats['']!.filter(({ fileId }) => fileId === stat.fileId)
      const merged = new Set(record.merged.map(at => at.path))
      return (
        named.length === 1 && !merged.has(named[0]!.path) && files.some(file => file.path === named[0]!.path)
      )
    }

    it('merges the logs anew', async () => {
      await days.expectStates(days.ends())
      expect(await days.refusedRanges(days.ends())).to.deep.equal([])
      expect(await isNamedAndThere()).to.equal(true)
    })

    it('takes in the log that comes late, and counts nothing twice', async () => {
      // Compactions may take it in from now on, so ranges are read as if it were there.
      const records = [...(await readRecords(days.table.store)).values()]
      expect(records.map(({ stat }) => stat.path)).to.deep.equal([record.stat.path])
      await days.table.store.put(...log)
      for (let round = 0; round < 4; round++) {
        await days.expectStates(days.ends())
        expect(await days.refusedRanges(days.ends())).to.deep.equal([])
        await days.serve()
        days.table.clock.nowAtMs += 2 * hourMs
      }
      expect(await isNamedAndThere()).to.equal(true)
    })
  })

  it('loses nothing when it dies at any request', async () => {
    for (let dies = 0, died = true; died; dies += 17) {
      const copy = await days.copy()
      died = await copy.serveAndDie(dies)
      await copy.expectStates(days.ends())
      copy.table.clock.nowAtMs += 2 * hourMs
      await copy.serve()
      await copy.expectStates(days.ends())
    }
  })
})
