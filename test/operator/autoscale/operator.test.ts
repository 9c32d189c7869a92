import { expect } from 'chai'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { systemClock } from '#common/clock.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Deployment } from '#operator/resources.ts'
import { overloadedHeartbeat } from '../../api/sample-heartbeat.ts'
import { MasterBed } from '../heartbeat/master-bed.ts'
import { eventually } from '../manual-clock.ts'
import { collections } from '../sync-job/fixtures.ts'

/** Waits take a hundredth of their time. */
const hastyClock = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
}

const overloaded = overloadedHeartbeat(
  'job-0-pod',
  Array.from({ length: 8 }, (_, split) => `s${split}`),
)

describe('an operator with an autoscaled job', () => {
  it('scales its Deployment by what its workers tell, and goes on from there when it starts anew', async () => {
    const bed = await MasterBed.create({ recordsPerSecond: 1e6 }, ['normal'], hastyClock)
    const { store } = bed.server
    bed.removePod('job-0-pod')
    bed.startPod('job-0', { shared: true })
    let number = 0
    const job = () =>
      store.get(collections.syncJobs, 'shop', 'job-0') as KubeObject & {
        spec: object
        status?: SyncJobStatus
      }
    const replicas = () => {
      const found = store.find(collections.deployments, 'shop', 'job-0-worker') as Deployment | undefined
      return found?.spec.replicas
    }
    try {
      const autoscaling = { minReplicas: 1, maxReplicas: 3 }
      store.update(collections.syncJobs, { ...job(), spec: { ...job().spec, autoscaling } } as KubeObject)
      await bed.start(1)
      await eventually('one worker', () => replicas() === 1)
      await eventually('three workers', () => {
        bed.operator.answer(bed.identityOf('job-0-pod')!, { ...overloaded, number: ++number })
        return replicas() === 3
      })
      const { desiredReplicas, reason } = job().status!.autoscaling!
      expect([desiredReplicas, reason]).to.deep.equal([3, 'AtMaximum'])
      const events = [...store.list(collections.events)] as unknown as { reason: string; note: string }[]
      expect(events.some(({ note }) => note.startsWith('Scaled from 1 to 3 workers.'))).to.equal(true)
      await bed.stop()
      await bed.start(2)
      await systemClock.sleep(300)
      expect(replicas()).to.equal(3)
    } finally {
      await bed.close()
    }
  })
})
