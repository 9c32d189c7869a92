// The alerts of the chart on workers, each by its cause: real workers of which every one has a trouble of its own.
import { expect } from 'chai'
import { readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '#scripts/free-port.ts'
import type { BedKafka } from '#test/bed/kafka.ts'
import { startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import type { TestLake } from '../sync/lakes.ts'
import { folderLake, s3Lake } from '../sync/lakes.ts'
import { Random } from '../sync/random.ts'
import { SluiceProcess } from '../sync/sluice-process.ts'
import { virtualTables, Web } from '../sync/web.ts'
import { AlertWatch } from './alert-watch.ts'

interface Scene {
  worker: SluiceProcess
  lake: TestLake
  signal: AbortSignal
}

interface Trouble {
  lake?: () => Promise<TestLake>
  broker?: string
  /** More of the SyncJob's spec. */
  spec?: string
  /** Of the tables in the lake. */
  options?: string
  /** What is done to the worker's resources. */
  change?: (yaml: string) => string
  /** What happens when it has begun to work. */
  happens?: (scene: Scene) => Promise<void>
  scrapeIntervalSeconds?: number
  /** Of Node itself. */
  nodeArgs?: readonly string[]
}

/** Table services come round faster, as windows are shorter. */
const hurriedServices = ['--import', new URL('hurried-services.ts', import.meta.url).href]

const troubles: Readonly<Record<string, Trouble>> = {
  healthy: { nodeArgs: hurriedServices },
  failing: { broker: `127.0.0.1:${await freePort()}` },
  stuck: { lake: s3Lake, happens: ({ lake }) => lake.stop() },
  skipping: {
    spec: '  badRecords: {policy: skip}\n',
    change: yaml => yaml.replaceAll('name: page, type: string', 'name: page, type: int64'),
  },
  dying: { happens: killOften },
  // A scrape waits until the worker has its turn.
  starved: { happens: starve, scrapeIntervalSeconds: 10 },
  damaged: {
    options: ', target: {hudi: {compaction: {logFiles: 2}}}',
    happens: damageLog,
    nodeArgs: hurriedServices,
  },
}

describe('Alerts on workers', function () {
  this.timeout(300_000)
  requires('kafka', 'minio', 'prometheus')
  let broker: BedKafka
  let web: Web
  let watch: AlertWatch
  const scenes = new Map<string, Scene>()
  const stop = new AbortController()
  const running: Promise<void>[] = []

  before(async () => {
    broker = await startKafka()
    web = await Web.open(broker.brokers, new Random(1))
    for (const [name, trouble] of Object.entries(troubles)) {
      const lake = await (trouble.lake ?? folderLake)()
      const yaml = jobYaml(name, broker.brokers[0]!, lake, trouble)
      const worker = await SluiceProcess.prepare(trouble.change?.(yaml) ?? yaml, trouble.nodeArgs)
      scenes.set(name, { worker, lake, signal: stop.signal })
    }
    watch = await AlertWatch.start(
      [...scenes].map(([name, { worker }]) => ({
        address: worker.address,
        labels: { namespace: 'default', pod: name, sluice_dev_job: name },
        scrapeIntervalSeconds: troubles[name]?.scrapeIntervalSeconds ?? 1,
      })),
    )
    running.push(web.run(stop.signal))
    for (const [name, scene] of scenes) running.push(begin(scene, troubles[name]?.happens))
  })

  after(async () => {
    stop.abort()
    for (const result of await Promise.allSettled(running))
      if (result.status === 'rejected') console.error(result.reason)
    for (const [name, { worker, lake }] of scenes) {
      await worker.kill9()
      if (name !== 'stuck') await lake.stop()
    }
    await watch?.stop()
    await web?.close()
    await broker?.stop()
  })

  const firesFor = async (
    alert: string,
    name: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<void> => watch.fired(alert, { job: `default/${name}`, ...more })

  it('tell of a job whose source cannot be reached', () =>
    firesFor('SluiceJobFailing', 'failing', { code: 'SOURCE_UNREACHABLE' }))

  it('tell of records that are skipped', () => firesFor('SluiceBadRecords', 'skipping'))

  it('tell of a job that cannot commit: its lag is high and grows', async () => {
    await firesFor('SluiceLagHigh', 'stuck')
    await firesFor('SluiceNoCommits', 'stuck')
  })

  it('tell of a worker that dies again and again, and then stays away', async () => {
    await watch.fired('SluiceWorkerRestarting', { pod: 'dying' })
    await watch.fired('SluiceWorkerDown', { pod: 'dying' })
  })

  it('tell of a worker that is short of CPU', () => watch.fired('SluiceWorkerBusy', { pod: 'starved' }))

  it('tell of a table whose log is damaged, and then that its services do not come round, while its job goes on', async () => {
    await firesFor('SluiceTableServiceFailing', 'damaged', { table: 'pages' })
    await firesFor('SluiceTableServicesBehind', 'damaged', { table: 'pages' })
    const { worker } = scenes.get('damaged')!
    expect((await worker.status())?.phase).to.equal('streaming')
  })

  it('tell nothing of a worker that is well, and whose table services come round', async () => {
    const told = await scenes.get('healthy')!.worker.metrics()
    expect(told).to.include('sluice_table_service_last_round_timestamp_seconds{job="default/healthy"')
    expect(watch.of('job', 'default/healthy')).to.deep.equal([])
    expect(watch.of('pod', 'healthy')).to.deep.equal([])
  })
})

function jobYaml(
  name: string,
  broker: string,
  lake: TestLake,
  { spec = '', options = '', ...more }: Trouble,
): string {
  return `
apiVersion: sluice.dev/v1alpha1
kind: DataSource
metadata: {name: events}
spec:
  type: kafka
  kafka: {brokers: ["${more.broker ?? broker}"]}
${virtualTables()}${lake.yaml}---
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: ${name}}
spec:
  source: {name: events}
  target: {name: lake}
  tables: [{include: clicks}, {include: pages${options}}]
  freshness: 1s
  worker: {lanes: 1}
${spec}`
}

async function begin(scene: Scene, happens: Trouble['happens']): Promise<void> {
  scene.worker.start()
  if (happens === undefined) return
  await scene.worker.until(({ rowsTotal }) => rowsTotal > 1000)
  await happens(scene)
}

async function killOften({ worker }: Scene): Promise<void> {
  for (let kill = 0; kill < 3; kill++) {
    // Long enough to be seen.
    await delay(3000)
    await worker.kill9()
    worker.start()
    await worker.until(({ phase }) => phase === 'streaming')
  }
  await delay(3000)
  await worker.kill9()
}

/** As a cgroup does with a process that has used up its share, only longer. */
async function starve({ worker, signal }: Scene): Promise<void> {
  while (!signal.aborted) {
    process.kill(worker.pid, 'SIGSTOP')
    await delay(3000)
    process.kill(worker.pid, 'SIGCONT')
    await delay(500)
  }
}

/** Its services have come round to the table `pages`; then its newest log files are cut, until they meet one that is. */
async function damageLog({ worker, lake }: Scene): Promise<void> {
  const isTold = async (metric: string): Promise<boolean> =>
    (await worker.metrics()).includes(`${metric}{job="default/damaged",table="pages"`)
  while (!(await isTold('sluice_table_service_last_round_timestamp_seconds'))) await delay(200)
  const folder = lake.table('pages').url
  while (!(await isTold('sluice_table_service_failures_total'))) {
    const logs = (await readdir(folder)).filter(name => name.includes('.log.'))
    const writtenMs = await Promise.all(logs.map(async name => (await stat(join(folder, name))).mtimeMs))
    const newest = logs[writtenMs.indexOf(Math.max(...writtenMs))]
    if (newest !== undefined) await truncate(join(folder, newest), 500)
    await delay(1000)
  }
}
