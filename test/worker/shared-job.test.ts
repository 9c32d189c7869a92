import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { heartbeatAnswerSchema, heartbeatIntervalMs, heartbeatSchema } from '#api/heartbeat.ts'
import { TransientError } from '#common/errors.ts'
import type { Split } from '#connectors/connector.ts'
import { SplitAssignment, assignmentTerms } from '#master/assignment/split-assignment.ts'
import { AssignedSplits } from '#worker/assigned-splits.ts'
import type { Job } from '#worker/job.ts'
import { JobBed } from './job-bed.ts'

const split = (id: string, bounded = false): Split => ({ id, tables: ['t'], bounded, stage: 1, weight: 1 })
/** Time of the master and the leases runs so much faster than that of the lanes. */
const speed = 50
const fastClock = { monotonicMs: () => performance.now() * speed }

/** Workers of one job in one process, each with its heartbeats to the one master. */
class Cluster {
  readonly bed = new JobBed()
  readonly workers: SharedWorker[] = []
  master: SplitAssignment | null = null
  discoveryIntervalMs = 200
  #term = 0

  startMaster(workers: readonly string[] | null = this.workers.map(({ name }) => name)): void {
    const sinceMs = fastClock.monotonicMs()
    this.master = new SplitAssignment(assignmentTerms, { term: ++this.#term, sinceMs, workers })
  }

  start(name: string): SharedWorker {
    const worker = new SharedWorker(this, name)
    this.workers.push(worker)
    return worker
  }

  async end(): Promise<void> {
    await Promise.all(this.workers.map(worker => worker.end()))
    this.bed.close()
  }

  /** Splits by the worker that is to read them. */
  shares(): string[][] {
    return this.workers.map(({ assigned }) => assigned.reading.map(({ id }) => id).toSorted())
  }

  /** No number of a split is missing or twice. */
  expectExact(): void {
    for (const [id, rows] of this.bed.rows)
      expect(rows, id).to.deep.equal(Array.from({ length: rows.length }, (_, at) => at + 1))
  }
}

class SharedWorker {
  readonly name: string
  readonly assigned: AssignedSplits
  readonly job: Job
  /** Its heartbeats do not arrive. */
  isCutOff = false
  readonly #stop = new AbortController()
  readonly #silence = new AbortController()
  readonly ended: Promise<void>
  readonly #beating: Promise<void>

  constructor(cluster: Cluster, name: string) {
    this.name = name
    const job = { namespace: 'n', name: 'j' }
    this.assigned = new AssignedSplits(
      { job, worker: name, startedAtMs: 1, plan: 'p', capacity: 2 },
      fastClock,
    )
    this.job = cluster.bed.job({
      lanes: 2,
      discoveryIntervalMs: cluster.discoveryIntervalMs,
      assigned: this.assigned,
    })
    this.ended = this.job.run(this.#stop.signal)
    this.#beating = this.#beat(cluster)
  }

  async #beat(cluster: Cluster): Promise<void> {
    while (!this.#silence.signal.aborted) {
      const request = heartbeatSchema.parse(JSON.parse(JSON.stringify(this.assigned.ask([]))))
      const answer = this.isCutOff ? null : cluster.master?.heard(request, fastClock.monotonicMs())
      if (answer) this.assigned.take(heartbeatAnswerSchema.parse(JSON.parse(JSON.stringify(answer))))
      await delay(heartbeatIntervalMs / speed)
    }
  }

  /** Lets it commit what it read and hand over the rest. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.ended
    this.#silence.abort()
    await this.#beating
  }
}

describe('workers that share a job', () => {
  let cluster: Cluster
  beforeEach(() => {
    cluster = new Cluster()
    cluster.startMaster()
  })
  afterEach(() => cluster.end())

  const nine = Array.from({ length: 9 }, (_, at) => split(`s${at}`))
  /** Whether the workers read so many each, the least first. */
  const isShared = (sizes: readonly number[]) => () => {
    const now = cluster.shares().map(share => share.length)
    return now.toSorted((a, b) => a - b).join() === sizes.join()
  }

  it('read a part of the splits each, and every row once, while some come and go', async () => {
    cluster.bed.splits = nine
    cluster.start('one')
    await cluster.bed.until(isShared([9]))
    cluster.start('two')
    const three = cluster.start('three')
    await cluster.bed.until(isShared([3, 3, 3]))
    await cluster.bed.until(() => cluster.bed.rows.size === 9)
    await three.end()
    cluster.workers.pop()
    await cluster.bed.until(isShared([4, 5]))
    cluster.bed.splits = [...nine, split('new')]
    await cluster.bed.until(isShared([5, 5]))
    await cluster.bed.until(() => cluster.bed.rows.has('new'))
    await cluster.end()
    cluster.expectExact()
    expect(cluster.bed.fences, 'nobody was at another one’s split').to.equal(0)
  }).timeout(60_000)

  it('do not pass for streaming before the master has spoken', async () => {
    cluster.bed.splits = nine
    cluster.master = null
    const one = cluster.start('one')
    await delay(300)
    expect(one.job.status.phase).to.equal('starting')
    one.assigned.missed(new TransientError('nobody answers', { code: 'MASTER_UNREACHABLE' }))
    await delay(300)
    expect(one.job.status.failure?.code, 'also after another look at the source').to.equal(
      'MASTER_UNREACHABLE',
    )
    cluster.startMaster()
    await cluster.bed.until(() => one.job.status.phase === 'streaming')
  }).timeout(20_000)

  it('let go of what they made at the source to plan, when another plans', async () => {
    cluster.bed.splits = nine
    const one = cluster.start('one')
    await cluster.bed.until(isShared([9]))
    one.isCutOff = true
    const two = cluster.start('two')
    await cluster.bed.until(() => two.assigned.plans)
    expect(cluster.bed.planning).to.equal(2)
    one.isCutOff = false
    await cluster.bed.until(() => !one.assigned.plans && cluster.bed.planning === 1)
  }).timeout(20_000)

  it('go on without a master, and stay with what they have when a new one comes', async () => {
    cluster.bed.splits = nine
    for (const name of ['one', 'two', 'three']) cluster.start(name)
    await cluster.bed.until(isShared([3, 3, 3]))
    const before = cluster.shares()
    cluster.master = null
    await delay((3 * assignmentTerms.silentMs) / speed)
    expect(cluster.shares()).to.deep.equal(before)
    cluster.startMaster()
    await delay((3 * assignmentTerms.silentMs) / speed)
    expect(cluster.shares()).to.deep.equal(before)
    await cluster.end()
    cluster.expectExact()
    expect(cluster.bed.fences).to.equal(0)
  }).timeout(60_000)

  it('take over from one that is cut off from the master, which lets go when the journal refuses it', async () => {
    cluster.bed.splits = nine
    cluster.bed.freshnessMs = 2_000
    for (const name of ['one', 'two', 'three']) cluster.start(name)
    await cluster.bed.until(isShared([3, 3, 3]))
    await cluster.bed.until(() => cluster.bed.rows.size === 9)
    cluster.workers[1]!.isCutOff = true
    await cluster.bed.until(() => cluster.workers[1]!.assigned.reading.length === 0)
    await cluster.bed.until(isShared([0, 4, 5]))
    cluster.workers[1]!.isCutOff = false
    await cluster.bed.until(isShared([3, 3, 3]))
    await cluster.end()
    cluster.expectExact()
  }).timeout(60_000)

  it('read bounded splits to their end together, and then end', async () => {
    cluster.bed.splits = nine.map(({ id }) => split(id, true))
    // The planner hears that others have ended theirs; it must not have to look again.
    cluster.discoveryIntervalMs = 2 ** 30
    for (const name of ['one', 'two', 'three']) cluster.start(name)
    await Promise.all(cluster.workers.map(({ ended }) => ended))
    expect([...cluster.bed.rows.values()].map(rows => rows.length)).to.deep.equal(Array(9).fill(100))
    cluster.expectExact()
  }).timeout(60_000)
})
