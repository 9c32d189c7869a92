import { expect } from 'chai'
import type { SyncError } from '#common/errors.ts'
import type { CoalescedRun } from '#lake/reader/coalesced-days.ts'
import type { WrittenFile } from '#lake/reader/coalesced-range.ts'
import { checkWhole, filesToRead } from '#lake/reader/coalesced-range.ts'

/** A time of one day. */
const at = (hour: number): string => `20260105${String(hour).padStart(2, '0')}0000000`

/** Merged from five o'clock to nine. */
const run = { group: 'f', since: at(5), until: at(9) }

describe('a range over merged commits', () => {
  const ranges: [from: number, to: number | undefined, isWhole: boolean][] = [
    [1, 4, true],
    [1, 5, false],
    [1, 8, false],
    [1, 9, true],
    [1, undefined, true],
    [5, 9, false],
    [6, 8, false],
    [8, undefined, false],
    [9, 10, true],
  ]
  for (const [from, to, isWhole] of ranges)
    it(`${isWhole ? 'is answered' : 'is refused'} from ${from} to ${to ?? 'now'}`, () => {
      const check = (): string => {
        try {
          checkWhole([run], { from: at(from), ...(to === undefined ? {} : { to: at(to) }) })
          return 'answered'
        } catch (error) {
          return (error as SyncError).code
        }
      }
      expect(check()).to.equal(isWhole ? 'answered' : 'LAKE_HISTORY_GONE')
    })
})

describe('the files of a range over merged commits', () => {
  const file = (kind: 'base' | 'log', hour: number, isCompacted = false): WrittenFile => ({
    file: {
      kind,
      path: `${kind} ${hour}`,
      name: '',
      partitionPath: '',
      fileId: 'f',
      instant: at(hour),
      version: 1,
      sizeBytes: 1,
    },
    isCompacted,
    completion: at(hour),
  })
  const read = (written: WrittenFile[], present: string[], runs = [run], underWay: CoalescedRun[] = []) =>
    filesToRead(written, { runs, underWay, present: new Set(present) }).map(({ path }) => path)

  it('are not the logs that others stand for and that are gone', () => {
    const logs = [3, 5, 7, 9, 10].map(hour => file('log', hour))
    expect(read(logs, ['log 7'])).to.deep.equal(['log 3', 'log 7', 'log 9', 'log 10'])
    expect(read(logs, [], [{ ...run, group: 'another' }])).to.have.length(5)
  })

  it('are not the base files of compactions that took in merged commits', () => {
    const bases = [3, 12].map(hour => file('base', hour, true))
    expect(read(bases, ['base 3', 'base 12'])).to.deep.equal(['base 3'])
    expect(read(bases, [], [{ ...run, group: 'another' }])).to.have.length(2)
  })

  it('are neither those of compactions that may have taken in a log that is about to be merged', () => {
    const written = [file('log', 5), file('log', 9), file('base', 12, true)]
    expect(read(written, ['log 9', 'base 12'], [], [run])).to.deep.equal(['log 5', 'log 9'])
  })

  it('are the base file a group began with, though of the merged log only the day is known', () => {
    expect(read([file('base', 4)], ['base 4'], [{ ...run, since: at(0) }])).to.deep.equal(['base 4'])
    expect(() => read([file('base', 12)], ['base 12'])).to.throw('merged by days')
  })
})
