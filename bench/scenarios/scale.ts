// One operator and a fleet that grows: how long a person waits for a job, what the operator costs while nothing and
// while something happens, and how soon another has taken over.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { systemClock } from '#common/clock.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { loadEndpoint } from '#operator/kube/endpoint.ts'
import { ensureInstalled } from '#test/bed/install.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { lake, shopDb } from '#test/operator/sync-job/fixtures.ts'
import { startFakeNodes } from '../scale/fake-nodes.ts'
import { FakeWorkers } from '../scale/fake-workers.ts'
import { Fleet } from '../scale/fleet.ts'
import type { Latencies } from '../scale/fleet.ts'
import { OperatorProcess } from '../scale/operator-process.ts'
import type { OperatorCounts } from '../scale/operator-process.ts'
import { takeOverTable, takeOvers } from '../scale/take-overs.ts'
import type { TakeOver } from '../scale/take-overs.ts'
import { WorkerVoice } from '../scale/worker-voice.ts'

const singles = 30

export interface ScaleResult {
  jobs: number
  calmMs: number
  /** All that were missing, created at once, until the last was Ready. */
  stormSeconds: number
  created: number
  /** One after another, into the fleet. */
  single: Latencies
  idle: OperatorCounts
  busy: OperatorCounts
  takeOvers: TakeOver[]
}

/** @param calmMs how long it is watched while idle, and while busy */
export async function scaleScenario(
  sizes: readonly number[],
  calmMs: number,
  onResult: (result: ScaleResult) => void,
): Promise<void> {
  await ensureInstalled('kubernetes')
  await ensureInstalled('kwok')
  const dir = await mkdtemp(join(tmpdir(), 'sluice-scale-'))
  const cluster = await startKubernetes({ node: false, isLarge: true })
  const workers = await FakeWorkers.start()
  const client = await clientOf(cluster)
  const nodes = await startFakeNodes(cluster, Math.max(...sizes) + singles * sizes.length, dir)
  const start = (): Promise<OperatorProcess> => OperatorProcess.start(cluster, dir)
  let operator: OperatorProcess | null = null
  const fleet = new Fleet(client)
  try {
    await prepare(cluster, dir)
    await fleet.start()
    operator = await start()
    for (const jobs of sizes) {
      const before = fleet.size
      workers.isBusy = false
      const startedAtMs = performance.now()
      await fleet.growTo(jobs - singles, 8)
      const stormSeconds = (performance.now() - startedAtMs) / 1000
      const single = await oneByOne(fleet)
      await calm(operator, calmMs)
      const idle = await during(operator, calmMs)
      workers.isBusy = true
      await during(operator, calmMs)
      const busy = await during(operator, calmMs)
      const worker = await WorkerVoice.of(client, 'job-0')
      const ended = await takeOvers(operator, { start, fleet, worker })
      operator = ended.operator
      const created = jobs - singles - before
      onResult({ jobs, calmMs, created, stormSeconds, single, idle, busy, takeOvers: ended.results })
    }
  } finally {
    fleet.stop()
    await operator?.stop()
    await nodes.stop()
    await workers.stop()
    client.close()
    await cluster.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

async function clientOf(cluster: BedKubernetes): Promise<KubeClient> {
  process.env['KUBECONFIG'] = cluster.kubeconfig
  return new KubeClient(await loadEndpoint(systemClock))
}

async function prepare(cluster: BedKubernetes, dir: string): Promise<void> {
  await cluster.kubectl('apply', '--server-side', '-f', join(import.meta.dirname, '../../crds'))
  await cluster.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s')
  await cluster.kubectl('create', 'namespace', 'fleet')
  const file = join(dir, 'sources.yaml')
  const inFleet = [shopDb(), lake()].map(each => ({
    ...each,
    metadata: { ...each.metadata, namespace: 'fleet' },
  }))
  await writeFile(file, inFleet.map(each => stringify(each)).join('---\n'))
  await cluster.kubectl('apply', '-f', file)
}

async function oneByOne(fleet: Fleet): Promise<Latencies> {
  const all: Latencies = { deployed: [], ready: [] }
  for (let n = 0; n < singles; n++) {
    const { deployed, ready } = await fleet.growTo(fleet.size + 1, 1)
    all.deployed.push(...deployed)
    all.ready.push(...ready)
  }
  return all
}

/** Waits until the operator has written nothing for a while: counters of a status come up to a minute late. */
async function calm(operator: OperatorProcess, calmMs: number): Promise<void> {
  await delay(2 * calmMs)
  for (let writes = -1, now = await operator.counts(); now.writes !== writes; now = await operator.counts()) {
    writes = now.writes
    // A Lease is renewed in between, and is not a write of a job's.
    await delay(1000)
    if ((await operator.counts()).writes - writes <= 1) return
  }
}

/** What it did and cost meanwhile. */
async function during(operator: OperatorProcess, ms: number): Promise<OperatorCounts> {
  const before = await operator.counts()
  await delay(ms)
  const after = await operator.counts()
  return {
    ...after,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    reads: after.reads - before.reads,
    writes: after.writes - before.writes,
  }
}

export function scaleTable(results: readonly ScaleResult[]): string {
  const head =
    '| SyncJobs | storm: jobs, s until all Ready | one more: Deployment p50 / p99 s | Ready p50 / p99 s | idle: writes/s, calls/s, cores | busy: writes/s, calls/s, cores | peak RSS MiB |\n|---|---|---|---|---|---|---|'
  const rows = results.map(({ jobs, calmMs, created, stormSeconds, single, idle, busy }) =>
    [
      jobs.toLocaleString('en-US'),
      `${created.toLocaleString('en-US')}, ${stormSeconds.toFixed(0)}`,
      quantiles(single.deployed),
      quantiles(single.ready),
      rates(idle, calmMs),
      rates(busy, calmMs),
      busy.peakRssMib.toFixed(0),
    ].join(' | '),
  )
  const ends = results.flatMap(({ jobs, takeOvers }) => takeOvers.map(each => ({ jobs, ...each })))
  return `${head}\n${rows.map(row => `| ${row} |`).join('\n')}\n\n${takeOverTable(ends)}`
}

function quantiles(latenciesMs: readonly number[]): string {
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  const at = (part: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]! / 1000).toFixed(2)
  return `${at(0.5)} / ${at(0.99)}`
}

function rates({ reads, writes, cpuSeconds }: OperatorCounts, calmMs: number): string {
  const seconds = calmMs / 1000
  return [writes / seconds, (reads + writes) / seconds, cpuSeconds / seconds]
    .map(each => each.toFixed(2))
    .join(', ')
}
