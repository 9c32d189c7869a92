import { expect } from 'chai'
import type { Split } from '#connectors/connector.ts'
import { systemClock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { AssignedSplits } from '#worker/assigned-splits.ts'
import { JobBed } from './job-bed.ts'

const split = (id: string, weight = 1, bounded = false): Split => {
  return { id, tables: ['t'], bounded, stage: 1, weight }
}

/** What a worker shares of its job, and the master that says so. */
function byMaster(): { assigned: AssignedSplits; told: (splits: Split[]) => void } {
  const facts = { job: { namespace: 'n', name: 'j' }, worker: 'w', startedAtMs: 1, plan: '', capacity: 1 }
  const assigned = new AssignedSplits(facts, systemClock)
  const told = (splits: Split[]): void => {
    const { number } = assigned.ask([])
    assigned.take({ term: 1, number, splits, validMs: 9_000, plans: true, finished: [], leases: [] })
  }
  return { assigned, told }
}

describe('Job', () => {
  let bed: JobBed
  let stop: AbortController
  beforeEach(() => {
    bed = new JobBed()
    stop = new AbortController()
  })
  afterEach(() => {
    stop.abort()
    bed.close()
  })

  /** Makes two splits of one lane heavy, so that one of them has to go, and waits until another lane reads it. */
  async function move(): Promise<void> {
    await bed.until(() => bed.readers.size === bed.splits.length)
    const before = new Map(bed.readers)
    const heavy = bed.splits
      .map(({ id }) => id)
      .filter(id => before.get(id) === before.get('a'))
      .slice(0, 2)
    bed.splits = bed.splits.map(({ id }) => split(id, heavy.includes(id) ? 4 : 1))
    await bed.until(() => heavy.some(id => bed.readers.get(id) !== before.get(id)))
    bed.readers.clear()
  }

  it('hands a split from lane to lane without either throwing away what it read', async () => {
    bed.splits = ['a', 'b', 'c', 'd'].map(id => split(id))
    const running = bed.job({ lanes: 2, discoveryIntervalMs: 50 }).run(stop.signal)
    for (let moves = 0; moves < 5; moves++) await move()
    stop.abort()
    await running
    expect(bed.fences).to.equal(0)
    for (const [id, rows] of bed.rows)
      expect(rows, id).to.deep.equal(Array.from({ length: rows.length }, (_, at) => at + 1))
  }).timeout(20_000)

  it('gives a split to the other lane when it is drained, not only when it looks at the source again', async () => {
    bed.splits = ['a', 'b', 'c', 'd'].map(id => split(id))
    const running = bed.job({ lanes: 2, discoveryIntervalMs: 1_500 }).run(stop.signal)
    await bed.until(() => bed.readers.size === 4)
    expect(bed.looks).to.equal(1)
    await move()
    expect(bed.looks).to.equal(2)
    stop.abort()
    await running
  }).timeout(20_000)

  it('ends when every bounded split is committed to its end', async () => {
    bed.splits = ['a', 'b', 'c'].map(id => split(id, 1, true))
    await bed.job({ lanes: 2, discoveryIntervalMs: 50 }).run(stop.signal)
    expect([...bed.rows.values()].map(rows => rows.length)).to.deep.equal([100, 100, 100])
    expect(bed.fences).to.equal(0)
  }).timeout(20_000)

  it('does not end while the source has postponed something, but looks at once', async () => {
    bed.splits = [split('a', 1, true)]
    bed.postponed = [split('b', 1, true)]
    await bed.job({ lanes: 2, discoveryIntervalMs: 60_000 }).run(stop.signal)
    expect([...bed.rows].map(([id, rows]) => [id, rows.length])).to.deep.equal([
      ['a', 100],
      ['b', 100],
    ])
  }).timeout(20_000)

  it('tries again after a failure as soon as the master says something else', async () => {
    const { assigned, told } = byMaster()
    // Pauses between tries do not end by themselves here.
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms >= 1_000 ? 2 ** 30 : ms, signal),
    }
    bed.splits = [split('a')]
    bed.failure = new ConfigError('not now', { code: 'SPEC_INVALID' })
    const job = bed.job({ lanes: 1, discoveryIntervalMs: 50, assigned, clock })
    const running = job.run(stop.signal)
    told([])
    await bed.until(() => job.status.phase === 'failing')
    bed.failure = null
    told([split('a')])
    await bed.until(() => bed.rows.has('a'))
    stop.abort()
    await running
  }).timeout(20_000)

  it('leaves a split alone whose table it does not know, and reads the others', async () => {
    const { assigned, told } = byMaster()
    bed.splits = [{ ...split('a'), tables: ['dropped'] }, split('b')]
    const running = bed.job({ lanes: 1, discoveryIntervalMs: 50, assigned }).run(stop.signal)
    told(bed.splits)
    await bed.until(() => (bed.rows.get('b')?.length ?? 0) > 10)
    expect(bed.rows.get('a')).to.deep.equal([])
    stop.abort()
    await running
  }).timeout(20_000)

  it('reads, as the planner, what it has found just now rather than what the master heard of before', async () => {
    const { assigned, told } = byMaster()
    bed.splits = [{ ...split('a'), detail: 'a new snapshot' }]
    const running = bed.job({ lanes: 1, discoveryIntervalMs: 50, assigned }).run(stop.signal)
    told([
      { ...split('a'), detail: 'one that is gone' },
      { ...split('b'), detail: 'one that is gone' },
    ])
    await bed.until(() => (bed.rows.get('a')?.length ?? 0) > 10)
    expect([...bed.details]).to.deep.equal(['a new snapshot'])
    stop.abort()
    await running
  }).timeout(20_000)
})
