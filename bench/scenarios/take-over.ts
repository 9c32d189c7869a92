// How soon another operator has taken over a fleet, in front of a stand-in for the API server: of the operator's own part,
// and on any machine. scale.ts measures the same in front of a real one, at the end of a long run.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KubeClient } from '#operator/kube/client.ts'
import { collections, lake, shopDb } from '#test/operator/sync-job/fixtures.ts'
import { FakeWorkers } from '../scale/fake-workers.ts'
import { Fleet } from '../scale/fleet.ts'
import { OperatorProcess } from '../scale/operator-process.ts'
import { StandInCluster } from '../scale/stand-in-cluster.ts'
import { takeOvers } from '../scale/take-overs.ts'
import type { TakeOver } from '../scale/take-overs.ts'
import { WorkerVoice } from '../scale/worker-voice.ts'

/** For what the last jobs of a fleet still bring about. */
const settleMs = 20_000

/** Every worker is busy all the while. */
export async function takeOverScenario(jobs: number): Promise<(TakeOver & { jobs: number })[]> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-take-over-'))
  const cluster = await StandInCluster.start(dir)
  const workers = await FakeWorkers.start()
  const client = new KubeClient(cluster.server.endpoint)
  const fleet = new Fleet(client)
  const start = (): Promise<OperatorProcess> => OperatorProcess.start(cluster, dir)
  let operator: OperatorProcess | null = null
  try {
    for (const { metadata, ...source } of [shopDb(), lake()])
      cluster.server.store.create(collections.dataSources, {
        ...source,
        metadata: { ...metadata, namespace: 'fleet' },
      })
    await fleet.start()
    operator = await start()
    await fleet.growTo(jobs, 8)
    await delay(settleMs)
    workers.isBusy = true
    cluster.knowTokensOf('job-0')
    const ended = await takeOvers(operator, { start, fleet, worker: await WorkerVoice.of(client, 'job-0') })
    operator = ended.operator
    return ended.results.map(each => ({ jobs, ...each }))
  } finally {
    fleet.stop()
    await operator?.stop()
    await workers.stop()
    client.close()
    await cluster.server.stop()
    await rm(dir, { recursive: true, force: true })
  }
}
