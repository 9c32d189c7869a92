import { expect } from 'chai'
import type { Heartbeat, HeldSplit } from '#api/heartbeat.ts'
import { JobMeasurements } from '#operator/autoscale/job-measurements.ts'

const measured = { ageMs: 4000, inputPerSecond: 10, processedPerSecond: 9, lagRecords: 8 }
const nowMs = 1_000_000

function beat(worker: string, held: (Partial<HeldSplit> & { id: string })[]): Heartbeat {
  return {
    job: { namespace: 'n', name: 'j' },
    worker,
    startedAtMs: 1,
    number: 1,
    term: 1,
    plan: '',
    capacity: 2,
    leaving: false,
    held: held.map(split => ({ draining: false, leased: true, lagMs: 500, ...split })),
    lanes: [{ lane: 1, ageMs: 2000, processedPerSecond: 9, busyShare: 0.5, blockedShare: 0, settled: true }],
    finished: [],
    planned: null,
    leases: [],
  }
}

describe('measurements of a job', () => {
  it('name lanes by their worker, and count times by the own clock', () => {
    const job = new JobMeasurements()
    job.heard(beat('a', [{ id: 's', lane: 1, measured }]), nowMs)
    expect(job.at(nowMs)).to.deep.equal({
      splits: [
        {
          id: 's',
          lane: 'a/1',
          measuredAtMs: nowMs - 4000,
          inputPerSecond: 10,
          processedPerSecond: 9,
          lagRecords: 8,
          lagMs: 500,
        },
      ],
      lanes: [
        {
          id: 'a/1',
          measuredAtMs: nowMs - 2000,
          processedPerSecond: 9,
          busyShare: 0.5,
          blockedShare: 0,
          settled: true,
        },
      ],
    })
  })

  it('keep what is known of a split that moves, without a lane until its new reader has measured it', () => {
    const job = new JobMeasurements()
    const split = () => job.at(nowMs).splits[0]
    job.heard(beat('a', [{ id: 's', lane: 1, measured }]), nowMs)
    job.heard(beat('a', [{ id: 's', lane: 1, measured, draining: true }]), nowMs)
    expect(split()).to.deep.include({ lane: null, lagRecords: 8 })
    job.heard(beat('a', []), nowMs)
    job.heard(beat('b', [{ id: 's' }]), nowMs)
    expect(split()).to.deep.include({ lane: null, lagRecords: 8 })
    job.heard(beat('b', [{ id: 's', lane: 0, measured: { ...measured, lagRecords: 5 } }]), nowMs)
    job.heard(beat('a', []), nowMs)
    expect(split()).to.deep.include({ lane: 'b/0', lagRecords: 5 })
  })

  it('forget the lanes of a worker that is gone at once, and splits after ten minutes', () => {
    const job = new JobMeasurements()
    job.heard(beat('a', [{ id: 's', lane: 1, measured }]), nowMs)
    job.workerGone('a')
    expect(job.at(nowMs).lanes).to.deep.equal([])
    expect(job.at(nowMs).splits[0]).to.deep.include({ lane: null })
    expect(job.at(nowMs + 700_000).splits).to.deep.equal([])
  })
})
