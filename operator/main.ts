// `sluice operator`: the process around the operator. It waits for the lease, leads until it is told to stop or
// cannot renew, and then ends: a restart is the simplest way to know nothing stale.
import { hostname } from 'node:os'
import { parseArgs } from 'node:util'
import { parseDuration } from '#api/duration.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { createLogger } from '#common/json-logger.ts'
import type { Logger, LogLevel } from '#common/logger.ts'
import { startHeartbeatServer } from './heartbeat/heartbeat-server.ts'
import { TokenReviewer } from './heartbeat/token-review.ts'
import { startOperatorHttp } from './http-server.ts'
import { KubeClient } from './kube/client.ts'
import { loadEndpoint } from './kube/endpoint.ts'
import { LeaderElector } from './kube/leader-election.ts'
import type { OperatorMetrics } from './metrics.ts'
import { createOperatorMetrics } from './metrics.ts'
import { Operator } from './operator.ts'
import { runInTurn } from './run-in-turn.ts'
import { readPolicyAround } from './sync-job/network-policy.ts'
import { readPlacement } from './sync-job/placement.ts'
import { readPriorityClasses } from './sync-job/priority-classes.ts'
import type { WorkerImage } from './sync-job/worker-pod.ts'
import { askOverHttp } from './sync-job/worker-reports.ts'

export const usage = `Usage: sluice operator --worker-image IMAGE [options]

Makes workers for SyncJobs, reports on them, and cleans up after them. Talks to the cluster of $KUBECONFIG, or as
a pod to its own. Of several operators one leads.

      --worker-image IMAGE         the image of the workers
      --image-pull-policy POLICY   Always, IfNotPresent (default) or Never
      --image-pull-secret NAME     a Secret, in each job's namespace, with which workers' images are pulled; repeatable
      --priority-class PRIORITY=NAME
                                   the PriorityClass of pods of jobs with this priority: core, high, normal or low; repeatable
      --worker-placement JSON      nodeSelector, tolerations and serviceAccountAnnotations of all jobs' pods, as in spec.worker
      --namespace NAME             look at one namespace only (default: all)
      --lease-namespace NAME       where the leader's Lease is (default: the pod's own)
      --lease-name NAME            what it is called: of operators with one Lease one leads (default sluice-operator)
      --teardown-deadline DURATION how long a deleted SyncJob may take to clean up at its source (default 5m)
      --max-checks NUMBER          pods that check a new spec or image before a rollout, at once (default 10)
      --poll-interval DURATION     how often workers are asked for their status (default 5s)
      --job-network-policy JSON    makes a network policy for each job: who reads status and metrics of its workers, where
                                   the operators are, and more rules: {"readers": [PEER], "masters": [PEER], "egress": [RULE]}
      --master-url URL             where workers find the operator that leads, for limits of a DataSource and for jobs of
                                   several workers; without it each worker keeps to limits by itself, and a job has one
      --master-port PORT           where this one answers them (default 9465; 0: a free one)
      --host ADDRESS               where /metrics, /healthz and /readyz are served (default 0.0.0.0)
      --port PORT                  and on which port (default 9464; 0: a free one)
      --log-level LEVEL            debug, info (default), warn, error or silent`

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent']

interface OperatorArguments {
  worker: WorkerImage
  namespace: string | undefined
  leaseNamespace: string | undefined
  leaseName: string
  teardownDeadlineMs: number
  pollIntervalMs: number
  checksMax: number
  host: string
  port: number
  masterPort: number
  logLevel: LogLevel
}

/** The exit code. @throws ConfigError for a wrong command line or no cluster, FencedError when leadership was lost */
export async function run(argv: string[]): Promise<number> {
  const given = readArguments(argv)
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  await runOperator(given, stop.signal)
  return 0
}

async function runOperator(given: OperatorArguments, signal: AbortSignal): Promise<void> {
  const clock = systemClock
  const instance = process.env['POD_NAME'] ?? hostname()
  const logger = createLogger(given.logLevel, { operator: instance })
  const metrics = createOperatorMetrics()
  const endpoint = await loadEndpoint(clock)
  const client = new KubeClient(endpoint, ({ method }, status) =>
    metrics.apiRequests.inc({ method, status: String(status) }),
  )
  const elector = new LeaderElector({
    client,
    namespace: given.leaseNamespace ?? process.env['POD_NAMESPACE'] ?? endpoint.namespace,
    name: given.leaseName,
    identity: `${instance}_${clock.uuid()}`,
    clock,
    logger,
  })
  const operator = new Operator({
    client,
    namespace: given.namespace,
    instance,
    worker: given.worker,
    askWorker: askOverHttp,
    clock,
    logger,
    metrics,
    pollIntervalMs: given.pollIntervalMs,
    checksMax: given.checksMax,
    teardownDeadlineMs: given.teardownDeadlineMs,
    term: () => elector.epoch + 1,
  })
  const heartbeats =
    given.worker.masterUrl === null
      ? null
      : await serveHeartbeats(given, { client, clock, logger, metrics, operator })
  const http = await startOperatorHttp({
    host: given.host,
    port: given.port,
    metrics,
    // One that could not lead at once must not take the place of one that can.
    notReady: () => (operator.hasSynced ? null : 'reading the cluster'),
    observe: () => {
      metrics.leading.set(elector.isLeader ? 1 : 0)
      if (elector.isLeader) operator.observe()
    },
  })
  logger.info('operator started', {
    server: endpoint.url.host,
    workerImage: given.worker.image,
    port: http.port,
  })
  try {
    await runInTurn(elector, operator, signal)
    logger.info('operator stopped')
  } finally {
    await Promise.all([http.close(), heartbeats?.close()])
    client.close()
  }
}

function serveHeartbeats(
  { host, masterPort }: OperatorArguments,
  parts: { client: KubeClient; clock: Clock; logger: Logger; metrics: OperatorMetrics; operator: Operator },
): Promise<{ close: () => Promise<void> }> {
  const { client, clock, logger, metrics, operator } = parts
  const tokens = new TokenReviewer(client, clock)
  return startHeartbeatServer({
    host,
    port: masterPort,
    identify: (token, address) => tokens.identify(token, address),
    answer: (sender, heartbeat) => operator.answer(sender, heartbeat),
    logger,
    onAnswer: status => metrics.heartbeats.inc({ status: String(status) }),
  })
}

function readArguments(argv: string[]): OperatorArguments {
  const { values } = parseArgs({
    args: argv,
    options: {
      'worker-image': { type: 'string' },
      'image-pull-policy': { type: 'string', default: 'IfNotPresent' },
      'image-pull-secret': { type: 'string', multiple: true, default: [] },
      'priority-class': { type: 'string', multiple: true, default: [] },
      'worker-placement': { type: 'string' },
      namespace: { type: 'string' },
      'lease-namespace': { type: 'string' },
      'lease-name': { type: 'string', default: 'sluice-operator' },
      'teardown-deadline': { type: 'string', default: '5m' },
      'poll-interval': { type: 'string', default: '5s' },
      'max-checks': { type: 'string', default: '10' },
      host: { type: 'string', default: '0.0.0.0' },
      'job-network-policy': { type: 'string' },
      'master-url': { type: 'string' },
      'master-port': { type: 'string', default: '9465' },
      port: { type: 'string', default: '9464' },
      'log-level': { type: 'string', default: 'info' },
    },
  })
  const image = values['worker-image'] ?? process.env['SLUICE_WORKER_IMAGE']
  if (image === undefined) throw wrongArgument('give the image of the workers: --worker-image IMAGE')
  if (!['Always', 'IfNotPresent', 'Never'].includes(values['image-pull-policy']))
    throw wrongArgument('--image-pull-policy is Always, IfNotPresent or Never')
  for (const name of ['port', 'master-port'] as const)
    if (!/^\d{1,5}$/.test(values[name])) throw wrongArgument(`--${name} is a number`)
  if (!/^[1-9]\d{0,3}$/.test(values['max-checks'])) throw wrongArgument('--max-checks is a number from 1 on')
  if (!logLevels.includes(values['log-level'])) throw wrongArgument(`--log-level is ${logLevels.join(', ')}`)
  return {
    worker: {
      image,
      imagePullPolicy: values['image-pull-policy'],
      imagePullSecrets: values['image-pull-secret'],
      masterUrl: values['master-url'] ?? null,
      networkPolicy: readPolicyAround(values['job-network-policy']),
      priorityClasses: readPriorityClasses(values['priority-class']),
      placement: readPlacement(values['worker-placement']),
    },
    namespace: values.namespace,
    leaseNamespace: values['lease-namespace'],
    leaseName: values['lease-name'],
    teardownDeadlineMs: parseDuration(values['teardown-deadline']),
    pollIntervalMs: parseDuration(values['poll-interval']),
    checksMax: Number(values['max-checks']),
    host: values.host,
    port: Number(values.port),
    masterPort: Number(values['master-port']),
    logLevel: values['log-level'] as LogLevel,
  }
}

function wrongArgument(message: string): ConfigError {
  return new ConfigError(message, { code: 'SPEC_INVALID' })
}
