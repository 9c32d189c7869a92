// What may befall a job on a cluster in a bad week, while money moves: a node is drained, operator and workers are
// upgraded, the API server is away and worker and database are killed meanwhile. After each the lake holds the rows of
// the source, none lost and none twice. How long nothing was committed is printed.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { requires } from '#test/bed/requires.ts'
import { BankCluster } from './bank-cluster.ts'
import { loadSluiceImage } from './shared-cluster.ts'

/** Longer than it takes the operators to lose their lease, and the node to be taken for dead. */
const outageMs = 120_000

describe('A SyncJob in mid-stream', function () {
  this.timeout(600_000)
  requires('postgres', 'minio', 'hudi-rs', 'kubernetes', 'monitoring-crds')
  const bed = new BankCluster('bank-in-trouble')
  let nextId = 1_000_000

  before(async () => {
    await bed.start()
    await bed.install()
    await bed.createNamespace()
    await bed.apply(`${bed.secrets()}---${bed.dataSources()}---${bed.syncJob()}`)
    await bed.untilReady('True Streaming', 180_000)
  })
  after(() => bed.stop())

  /** Does it while money moves, then waits until the lake has everything, and compares. */
  async function through(what: string, trouble: () => Promise<void>): Promise<void> {
    const stop = new AbortController()
    const traffic = keepBusy(bed, (nextId += 1_000_000), stop.signal)
    const pause = longestPause(bed, stop.signal)
    await trouble()
    await delay(2000)
    stop.abort()
    const transactions = await traffic
    console.log(
      `      ${what}: ${transactions} transactions, at most ${(await pause) / 1000} s without a commit`,
    )
    expect(transactions, 'transactions').to.be.greaterThan(100)
    await bed.untilInStep()
    await bed.expectSameRows()
  }

  const podName = async (): Promise<string | undefined> => (await bed.workerPods())[0]?.metadata.name

  it('survives the drain of its node', async () => {
    await through('node drained', async () => {
      const before = await podName()
      const node = (await bed.kubectl('get', 'nodes', '-o', 'name')).trim()
      const workers = '--pod-selector=app.kubernetes.io/component=worker'
      await bed.kubectl(
        'drain',
        node,
        workers,
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        '--timeout=60s',
      )
      await bed.untilReady('False Unschedulable')
      await bed.kubectl('uncordon', node)
      await bed.until('another worker', async () => ![undefined, before].includes(await podName()))
      await bed.untilReady('True Streaming')
    })
  })

  it('survives the death of either of two workers that share it, and goes back to one', async () => {
    const shared = '  autoscaling: {minReplicas: 2, maxReplicas: 2}'
    /** So many, and all of them ready. */
    const workersAre = (count: number) => async (): Promise<boolean> => {
      const containers = (await bed.workerPods()).map(({ status }) => status.containerStatuses?.[0])
      return containers.length === count && containers.every(container => container?.ready === true)
    }
    await through('two workers, one after the other killed', async () => {
      await bed.apply(bed.syncJob(shared))
      await bed.untilCondition('RolledOut', 'True')
      await bed.until('two workers', workersAre(2))
      await bed.untilReady('True Streaming')
      for (const { metadata } of await bed.workerPods()) {
        // Nothing is drained.
        const now = ['--force', '--grace-period=0']
        await bed.kubectl('delete', 'pod', '-n', bed.namespace, metadata.name, ...now)
        await bed.until('two workers again', workersAre(2))
      }
      await bed.untilReady('True Streaming')
    })
    await through('one worker again', async () => {
      await bed.apply(bed.syncJob())
      await bed.untilCondition('RolledOut', 'True')
      await bed.until('one worker', workersAre(1))
      await bed.untilReady('True Streaming')
    })
  })

  it('survives an upgrade of the operator and of its workers', async () => {
    const tag = 'e2e-next'
    await loadSluiceImage(bed.cluster, tag)
    await through('operator and worker upgraded', async () => {
      await bed.install(tag)
      await bed.until('a worker of the new image', async () => {
        const pods = await bed.workerPods()
        return pods.length === 1 && pods[0]?.spec.containers[0]?.image.endsWith(`:${tag}`) === true
      })
      await bed.untilCondition('RolledOut', 'True')
      await bed.untilReady('True Streaming')
    })
  })

  it('survives a time without an API server, in which its worker and its database are killed', async () => {
    await through(`API server away for ${outageMs / 1000} s`, async () => {
      const process = await bed.workerProcess()
      bed.cluster.killApiServer()
      const end = Date.now() + outageMs
      await delay(5000)
      bed.kill(process)
      await delay(20_000)
      await bed.server.kill9()
      await delay(3000)
      await bed.server.restart()
      await bed.connect()
      await delay(end - Date.now())
      await bed.cluster.restart()
      await bed.untilReady('True Streaming', 180_000)
    })
  })
})

/** Moves money until the signal aborts, also when the database goes and comes back. Resolves to the transactions. */
async function keepBusy(bed: BankCluster, nextId: number, signal: AbortSignal): Promise<number> {
  let transactions = 0
  const from = { nextId }
  while (!signal.aborted) await bed.moveMoney(from, signal, () => transactions++).catch(() => delay(200))
  return transactions
}

/** The longest time, in ms, in which the source was told of no commit. */
async function longestPause(bed: BankCluster, signal: AbortSignal): Promise<number> {
  let longestMs = 0
  let last = { lsn: '', atMs: Date.now() }
  while (!signal.aborted) {
    await delay(100)
    const lsn = await confirmed(bed).catch(() => last.lsn)
    longestMs = Math.max(longestMs, Date.now() - last.atMs)
    if (lsn !== last.lsn) last = { lsn, atMs: Date.now() }
  }
  return longestMs
}

async function confirmed({ server }: BankCluster): Promise<string> {
  const client = new Client({ connectionString: server.url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rows } = await client.query<{ lsn: string }>(
      'select confirmed_flush_lsn::text as lsn from pg_replication_slots where not temporary',
    )
    return rows[0]?.lsn ?? ''
  } finally {
    await client.end()
  }
}
