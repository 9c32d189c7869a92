import { expect } from 'chai'
import { retainedFrom } from '#lake/services/retention.ts'
import { firstInstant, formatInstant } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'

const hourMs = 3_600_000
const nowMs = Date.UTC(2026, 10, 24)
const hour = (at: number): string => formatInstant(nowMs + at * hourMs)

function instant(text: string): TimelineInstant {
  const [at, action] = text.split(' ') as [string, string]
  const time = hour(Number(at))
  return { instant: time, action, state: 'completed', completionTime: time, path: '' }
}

const timeline = ['-9 deltacommit', '-7 commit', '-6 deltacommit', '-4 deltacommit', '-3 commit'].map(instant)
const keyed = { type: 'MERGE_ON_READ', nowMs } as const

describe('the retention of a table', () => {
  it('reaches back for a time', () => {
    expect(retainedFrom(timeline, { retentionMs: 5 * hourMs }, keyed)).to.equal(hour(-5))
  })

  it('reaches back for a number of commits that made new states', () => {
    const retention = { retentionMs: hourMs, retentionCommits: 2 }
    expect(retainedFrom(timeline, retention, keyed)).to.equal(hour(-6))
    expect(retainedFrom(timeline, retention, { type: 'COPY_ON_WRITE', nowMs })).to.equal(hour(-7))
  })

  it('is never shorter than a query may take, however many commits there are', () => {
    const retention = { retentionMs: 5 * hourMs, retentionCommits: 1 }
    expect(retainedFrom(timeline, retention, keyed)).to.equal(hour(-5))
  })

  it('is without end as long as there are not so many commits', () => {
    expect(retainedFrom(timeline, { retentionMs: hourMs, retentionCommits: 4 }, keyed)).to.equal(firstInstant)
  })
})
