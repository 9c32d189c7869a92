import { expect } from 'chai'
import type { DataFile } from '#lake/reader/data-file.ts'
import { timelineView } from '#lake/reader/timeline-view.ts'
import type { CoalescingView } from '#lake/services/plan-coalescing.ts'
import { runsToCoalesce } from '#lake/services/plan-coalescing.ts'

/** A commit of one log, or of a base file, by its beginning and its end: `day hour:minute:second`. */
interface Commit {
  name: string
  from: string
  to: string
  kind?: 'base'
  bytes?: number
}

const instantOf = (time: string): string => `202601${time.replaceAll(/\D/g, '')}000`

function viewOf(commits: readonly Commit[], view: Partial<CoalescingView> = {}): CoalescingView {
  const instants = commits.map(({ from, to, kind }) => ({
    instant: instantOf(from),
    completionTime: instantOf(to),
    action: kind === 'base' ? 'commit' : 'deltacommit',
    state: 'completed' as const,
    path: '',
  }))
  const files = commits.map(({ name, from, kind, bytes = 1 }): DataFile => ({
    kind: kind ?? 'log',
    path: name,
    name,
    partitionPath: '',
    fileId: 'f',
    instant: instantOf(from),
    version: 1,
    sizeBytes: bytes,
  }))
  const timeline = timelineView({ layout: 2, instants, first: null, replaced: new Set() })
  return {
    files,
    timeline,
    before: instantOf('20 00:00:00'),
    after: '',
    done: new Set(),
    bytesMax: 100,
    ...view,
  }
}

function runs(commits: readonly Commit[], view?: Partial<CoalescingView>): string[] {
  return runsToCoalesce(viewOf(commits, view)).map(({ logs, instant }) => {
    expect(instant).to.equal(logs.at(-1)!.instant)
    return logs.map(({ path }) => path).join(' ')
  })
}

describe('which logs become one', () => {
  const day: Commit[] = [
    { name: 'a', from: '05 01:00:00', to: '05 01:00:01' },
    { name: 'b', from: '05 02:00:00', to: '05 02:00:01' },
    { name: 'c', from: '05 03:00:00', to: '05 03:00:01' },
  ]

  it('are not those a savepoint needs, nor any on both sides of one', () => {
    expect(runs(day, { after: instantOf('05 01:00:00') })).to.deep.equal(['b c'])
    const slow = { name: 's', from: '05 00:30:00', to: '05 02:30:00' }
    expect(runs([...day, slow], { after: instantOf('05 00:30:00') })).to.deep.equal(['a b'])
  })

  it('are those of a day', () => {
    const next: Commit[] = [
      { name: 'd', from: '06 01:00:00', to: '06 01:00:01' },
      { name: 'e', from: '06 02:00:00', to: '06 02:00:01' },
    ]
    expect(runs([...day, ...next])).to.deep.equal(['a b c', 'd e'])
  })

  it('are not those of a day that is not over for long', () => {
    expect(runs(day, { before: instantOf('05 23:00:00') })).to.deep.equal([])
  })

  it('are those on one side of a base file', () => {
    expect(runs([...day, { name: 'K', from: '05 02:30:00', to: '05 02:30:01', kind: 'base' }])).to.deep.equal(
      ['a b'],
    )
  })

  it('are not one that began the day before, though it completed last', () => {
    const crossing: Commit[] = [
      { name: 'x', from: '04 23:59:58', to: '05 00:00:05' },
      { name: 'y', from: '05 00:00:01', to: '05 00:00:03' },
    ]
    expect(runs(crossing)).to.deep.equal([])
    expect(runs([...crossing, ...day])).to.deep.equal(['a b c'])
  })

  it('are neighbours: none moves past a log that is merged elsewhere', () => {
    expect(runs(day, { done: new Set(['b']) })).to.deep.equal([])
  })

  it('begin anew where they become too large', () => {
    const large = day.map(commit => ({ ...commit, bytes: 40 }))
    expect(runs([...large, { name: 'd', from: '05 04:00:00', to: '05 04:00:01', bytes: 60 }])).to.deep.equal([
      'a b',
      'c d',
    ])
  })
})
