import { expect } from 'chai'
import { parseDataFile } from '#lake/reader/data-file.ts'
import type { CleaningView } from '#lake/services/plan-cleaning.ts'
import { planCleaning } from '#lake/services/plan-cleaning.ts'
import type { Replacement } from '#lake/services/replaced-groups.ts'
import { baseFileName, logFileName } from '#lake/table/names.ts'
import { parseInstantFileName } from '#lake/timeline/instant-file.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'

const t = (number: number): string => String(20261124000000000 + number * 1000)

/** `10-12 deltacommit`: instant and completion; without completion it is pending. */
function instant(text: string): TimelineInstant {
  const [times, action] = text.split(' ') as [string, string]
  const [began, completed] = times.split('-').map(Number)
  const name =
    completed === undefined ? `${t(began!)}.${action}.requested` : `${t(began!)}_${t(completed)}.${action}`
  const { state, completionTime } = parseInstantFileName(name)!
  return { instant: t(began!), action, state, completionTime, path: name }
}

/** `base a 10` or `log a 10`: kind, file group, instant. */
function file(text: string) {
  const [kind, fileId, at] = text.split(' ') as [string, string, string]
  const name = { fileId, writeToken: '1-0-1', instant: t(Number(at)) }
  const path = kind === 'base' ? baseFileName(name) : logFileName({ ...name, version: 1 })
  return { ...parseDataFile({ path, sizeBytes: 1 })!, text }
}

function plan(given: {
  layout?: 1 | 2
  timeline: string[]
  files: string[]
  retainedFrom?: number
  floor?: number
  instantsMin?: number
  trimMax?: number
  replacements?: readonly Replacement[]
}): { files: string[]; instants: number[] } {
  const files = given.files.map(file)
  const view: CleaningView = {
    layout: given.layout ?? 2,
    files,
    timeline: given.timeline.map(instant),
    instantFloor: t(given.floor ?? given.retainedFrom ?? 90),
    retainedFrom: t(given.retainedFrom ?? 90),
    instantsMin: given.instantsMin ?? 1,
    trimMax: given.trimMax ?? 100,
    thinning: null,
    replacements: given.replacements ?? [],
  }
  const { files: removed, instants } = planCleaning(view)
  return {
    files: removed.map(({ name }) => files.find(one => one.name === name)!.text),
    instants: instants.map(at => (Number(at) - Number(t(0))) / 1000),
  }
}

const compacted = [
  '10-11 deltacommit',
  '20-21 deltacommit',
  '30-31 deltacommit',
  '40-42 commit',
  '50-51 deltacommit',
  '60-61 deltacommit',
]
const filesOfA = ['base a 10', 'log a 20', 'log a 30', 'base a 40', 'log a 50']

describe('what cleaning removes', () => {
  it('the slices that were superseded before the retention began, and their instants', () => {
    expect(plan({ timeline: compacted, files: filesOfA })).to.deep.equal({
      files: ['base a 10', 'log a 20', 'log a 30'],
      instants: [10, 20, 30, 40],
    })
  })

  it('nothing of them while a reader of the retention may need them', () => {
    expect(plan({ timeline: compacted, files: filesOfA, retainedFrom: 41, floor: 90 })).to.deep.equal({
      files: [],
      instants: [10],
    })
  })

  it('no log that completed after the compaction was planned, though it began before', () => {
    const timeline = ['10-11 deltacommit', '20-45 deltacommit', '40-46 commit', '50-51 deltacommit']
    expect(plan({ timeline, files: ['base a 10', 'log a 20', 'base a 40'] })).to.deep.equal({
      files: ['base a 10'],
      instants: [10],
    })
  })

  it('no instant of a log that stays: of another group, too', () => {
    expect(plan({ timeline: compacted, files: [...filesOfA, 'base b 10', 'log b 20'] })).to.deep.equal({
      files: ['base a 10', 'log a 20', 'log a 30'],
      instants: [10],
    })
  })

  it('of layout 1 the logs that name a superseded base file', () => {
    const timeline = ['10-10 deltacommit', '20-20 deltacommit', '30-30 commit', '40-40 deltacommit']
    const files = ['base a 10', 'log a 10', 'base a 30', 'log a 30']
    expect(plan({ layout: 1, timeline, files })).to.deep.equal({
      files: ['base a 10', 'log a 10'],
      instants: [10, 20],
    })
  })

  it('of layout 1 the logs of a base file whose instant was trimmed', () => {
    const timeline = ['30-30 commit', '40-40 deltacommit']
    const files = ['base a 10', 'log a 10', 'base a 30']
    expect(plan({ layout: 1, timeline, files })).to.deep.equal({
      files: ['base a 10', 'log a 10'],
      instants: [30],
    })
  })

  it('of layout 1 no instant since the slice of a log began: any of them may have written it', () => {
    const timeline = ['10-10 deltacommit', '20-20 deltacommit', '30-30 deltacommit', '40-40 deltacommit']
    expect(plan({ layout: 1, timeline, files: ['base b 1', 'log b 1'] }).instants).to.deep.equal([])
  })

  it('the leftovers of dead writers, once they can no longer be committed', () => {
    const files = ['base a 10', 'base b 35', 'log a 45', 'log a 55']
    expect(plan({ timeline: compacted, files, floor: 50 }).files).to.deep.equal(['base b 35', 'log a 45'])
  })

  it('no instant that a step staged before it could still join', () => {
    expect(plan({ timeline: compacted, files: filesOfA, floor: 30 }).instants).to.deep.equal([10, 20])
  })

  it('no instant when a leftover may lie between it and the next: it would pass for committed', () => {
    const files = [...filesOfA, 'base b 37']
    expect(plan({ timeline: compacted, files, floor: 36 })).to.deep.include({ instants: [10, 20] })
    expect(plan({ timeline: compacted, files, floor: 40 }).files).to.include('base b 37')
  })

  it('no file of an instant that is pending, nor what may be needed since it began', () => {
    const timeline = [...compacted.slice(0, 3), '35 compaction', ...compacted.slice(3)]
    expect(plan({ timeline, files: [...filesOfA, 'base a 35'] })).to.deep.equal({
      files: [],
      instants: [10],
    })
  })

  it('nothing that a savepoint holds', () => {
    const timeline = [...compacted.slice(0, 3), '35-36 savepoint', ...compacted.slice(3)]
    expect(plan({ timeline, files: filesOfA }).files).to.deep.equal([])
  })

  it('nor the commit that is saved, in either layout', () => {
    const timeline = [...compacted.slice(0, 3), '30-30 savepoint', ...compacted.slice(3)]
    for (const layout of [1, 2] as const) {
      const { instants } = plan({ timeline, files: filesOfA, layout })
      expect(instants).to.not.include(30)
    }
  })

  it('no file of a group that was replaced within the retention, nor the replacement and what follows', () => {
    const timeline = [...compacted.slice(0, 2), '25-26 replacecommit', ...compacted.slice(2)]
    const replacements = [{ instant: t(25), completionTime: t(26), groups: new Set(['b']) }]
    const files = [...filesOfA, 'base b 10']
    const kept = plan({ timeline, files, replacements, retainedFrom: 25, floor: 90 })
    expect(kept.files).to.deep.equal([])
    expect(kept.instants).not.to.include(25)
  })

  it('the files of a group that was replaced before, and then the replacement', () => {
    const timeline = [...compacted.slice(0, 2), '25-26 replacecommit', ...compacted.slice(2)]
    const replacements = [{ instant: t(25), completionTime: t(26), groups: new Set(['b']) }]
    const cleaned = plan({ timeline, files: [...filesOfA, 'base b 10'], replacements })
    expect(cleaned.files).to.include('base b 10')
    expect(cleaned.instants).to.include.members([10, 20, 25])
  })

  it('no replacement of a group that has a file still: whoever retired it used its name again', () => {
    const timeline = [...compacted.slice(0, 2), '25-26 replacecommit', ...compacted.slice(2)]
    const replacements = [{ instant: t(25), completionTime: t(26), groups: new Set(['b']) }]
    const cleaned = plan({ timeline, files: [...filesOfA, 'base b 10', 'base b 30'], replacements })
    expect(cleaned.files).to.include('base b 10').and.not.to.include('base b 30')
    expect(cleaned.instants).to.deep.equal([10, 20])
  })

  it('not the newest instants, however old, and not too many at once', () => {
    expect(plan({ timeline: compacted, files: filesOfA, instantsMin: 4 }).instants).to.deep.equal([10, 20])
    expect(plan({ timeline: compacted, files: filesOfA, trimMax: 3 }).instants).to.deep.equal([10, 20, 30])
    expect(plan({ timeline: compacted.slice(0, 1), files: ['base a 10'] }).instants).to.deep.equal([])
  })

  it('no file that is older than the timeline and current', () => {
    expect(plan({ timeline: compacted.slice(3), files: ['base b 10', 'base a 40'] }).files).to.deep.equal([])
  })
})
