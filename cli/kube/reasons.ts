// The words that conditions give as their reason, in plain language: what it means, what to do next, and the page
// that says more. Error codes come with both already; what is not in here is Kubernetes' own.
import { errorCodes } from '#common/error-codes.ts'
import type { ErrorCode } from '#common/error-codes.ts'

export interface Explanation {
  meaning: string
  /** What a person does; null when there is nothing to do. */
  next: string | null
  /** File of the documentation, from the project's root. */
  page: string | null
}

const runbook = (name: string): string => `docs/runbooks/${name}.md`
const starting = runbook('SluiceJobsStarting')
const notReady = runbook('SluiceJobsNotReady')
const rolloutHeld = runbook('SluiceRolloutHeld')
const scaling = 'docs/guides/autoscaling.md'
const restarting = runbook('SluiceWorkerRestarting')

const reasons: Readonly<Record<string, Explanation>> = {
  Streaming: {
    meaning: 'The tables are copied, and changes are taken over as they happen.',
    next: null,
    page: null,
  },
  Snapshotting: {
    meaning: 'What is in the tables is being copied; changes made meanwhile follow afterwards.',
    next: null,
    page: null,
  },
  Completed: {
    meaning: 'Everything was copied, as a job of mode snapshot does, once; its worker has ended.',
    next: null,
    page: null,
  },
  InProgress: { meaning: 'A job of mode snapshot has not copied everything yet.', next: null, page: null },
  Idle: {
    meaning:
      'Nothing came in for long, and all is in the target, so no worker runs. The operator looks at the source now and then, and starts a worker when there is something to read.',
    next: null,
    page: scaling,
  },
  Suspended: {
    meaning: 'No worker runs, because spec.suspend says so. The job keeps its positions and loses nothing.',
    next: 'kubectl sluice resume JOB. A PostgreSQL server keeps its write-ahead log until then: watch its disk.',
    page: null,
  },
  WorkerStarting: {
    meaning: 'The worker is on its way, or looks for its tables and its positions.',
    next: 'Wait a minute. If it stays so: kubectl sluice logs JOB',
    page: starting,
  },
  WorkerStopping: {
    meaning: 'The worker commits what it has read and ends; another takes over.',
    next: 'Wait: it has 30 seconds for it.',
    page: starting,
  },
  WorkerUnreachable: {
    meaning: 'The pod runs, and the operator cannot reach port 9464 of it.',
    next: 'Look for a NetworkPolicy of the namespace that keeps the operator out.',
    page: notReady,
  },
  Unschedulable: {
    meaning: 'No node of the cluster has room for the worker pod, or none is allowed to take it.',
    next: 'Add a node, or lower spec.worker.resources of the job.',
    page: notReady,
  },
  ImagePullBackOff: {
    meaning:
      'The node cannot pull the image of the worker: a wrong name, or no credentials for the registry.',
    next: 'Correct image or imagePullSecrets of the chart; the Secret must be in the namespace of the job, too.',
    page: notReady,
  },
  ErrImageNeverPull: {
    meaning: 'The image is not on the node, and the pull policy forbids to fetch it.',
    next: 'Load the image on every node, or set image.pullPolicy of the chart to IfNotPresent.',
    page: notReady,
  },
  InvalidImageName: {
    meaning: 'The name of the image cannot be read.',
    next: 'Correct image.repository, image.tag or image.digest of the chart.',
    page: notReady,
  },
  CrashLoopBackOff: {
    meaning: 'The worker ended with a failure, and the node waits before it starts it again.',
    next: 'kubectl sluice logs JOB --previous',
    page: restarting,
  },
  OOMKilled: {
    meaning: 'The worker needed more memory than its limit allows and was killed.',
    next: 'Raise spec.worker.resources.limits.memory, or lower spec.worker.bufferSize or spec.worker.lanes.',
    page: restarting,
  },
  Error: {
    meaning: 'The worker ended with a failure and is about to be started again.',
    next: 'kubectl sluice logs JOB --previous',
    page: restarting,
  },
  FailedCreate: {
    meaning: 'Kubernetes refuses to make the worker pod: a quota or an admission policy of the namespace.',
    next: 'Change the quota or the policy that the message names, or spec.worker.resources of the job.',
    page: notReady,
  },
  RecordsPerSecond: {
    meaning: 'The job could read faster; the limit of records a second of its source holds it back.',
    next: 'Nothing if that is meant. Else raise protection.limits of the DataSource.',
    page: 'docs/guides/limiting-a-source.md',
  },
  BytesPerSecond: {
    meaning: 'The job could read faster; the limit of bytes a second of its source holds it back.',
    next: 'Nothing if that is meant. Else raise protection.limits of the DataSource.',
    page: 'docs/guides/limiting-a-source.md',
  },
  Connections: {
    meaning:
      'Snapshots could read more at the same time; the limit of connections of its source makes their readers wait.',
    next: 'Nothing if that is meant. Else raise protection.limits of the DataSource.',
    page: 'docs/guides/limiting-a-source.md',
  },
  QueriesInFlight: {
    meaning:
      'Snapshots could read more at the same time; the limit of queries in flight of its source makes them wait for their turn.',
    next: 'Nothing if that is meant. Else raise protection.limits of the DataSource.',
    page: 'docs/guides/limiting-a-source.md',
  },
  WithinLimits: { meaning: 'No limit of the source holds the job back now.', next: null, page: null },
  SplitSkew: {
    meaning: 'One split has more than a single lane can read, so more workers would not help.',
    next: 'Spread the keys over more partitions, or give the job a table less.',
    page: scaling,
  },
  ExternalBottleneck: {
    meaning: 'Workers wait for the target or for a limit of the source, so more of them would not help.',
    next: 'Look at the object store, and at protection.limits of the source.',
    page: scaling,
  },
  MetricsStale: {
    meaning: 'The workers have not told what they measured of late, so their number stays as it is.',
    next: 'Look whether they reach the operator: kubectl sluice logs JOB',
    page: scaling,
  },
  AtMaximum: {
    meaning: 'More workers are needed than spec.autoscaling.maxReplicas allows.',
    next: 'Raise it if the lag matters.',
    page: scaling,
  },
  ConnectionLimit: {
    meaning:
      'More workers are needed than the limit of connections of its source is enough for: each needs 3, and more of them would only wait.',
    next: 'Raise protection.limits.connections of the DataSource if the lag matters, and the server can take it.',
    page: 'docs/guides/limiting-a-source.md',
  },
  SourceUnseen: {
    meaning:
      'The job was idle and had no worker, and whether there is something to read could not be told for long; so it has one again, for an hour at least.',
    next: 'Mend what the message names. kubectl sluice logs JOB tells what the worker finds.',
    page: scaling,
  },
  DesiredWithinRange: {
    meaning: 'The job has the number of workers that it needs.',
    next: null,
    page: null,
  },
  RolledOut: { meaning: 'The workers run the present spec and image.', next: null, page: null },
  Replacing: {
    meaning: 'Workers of the spec or the image before are being replaced.',
    next: 'Wait a minute.',
    page: null,
  },
  CheckWaiting: {
    meaning:
      'The spec or the image is another one, and a pod is to find out whether it works; the checks of other jobs come first. The workers go on as they were.',
    next: 'Wait: an upgrade of the operator makes a check for each job. `--max-checks` of the operator (`maxChecks` of the chart) says how many run at once.',
    page: null,
  },
  Checking: {
    meaning: 'A pod tries the new spec or image before the workers are replaced.',
    next: 'Wait a few minutes.',
    page: rolloutHeld,
  },
  CheckFailed: {
    meaning: 'The pod that tried the new spec or image failed, so the workers stay as they were.',
    next: 'Mend what the message names, or take the change back.',
    page: rolloutHeld,
  },
  Valid: { meaning: 'The resource is valid; jobs can refer to it.', next: null, page: null },
}

/** With the type of the condition that gives the reason. */
export function explainReason(reason: string, type?: string): Explanation {
  const known = explainWord(reason)
  // Whatever the check has found: the workers work, as they did.
  return type === 'RolledOut' && known.page !== null ? { ...known, page: rolloutHeld } : known
}

function explainWord(reason: string): Explanation {
  if (Object.hasOwn(reasons, reason)) return reasons[reason]!
  if (Object.hasOwn(errorCodes, reason)) {
    const { meaning, remedy } = errorCodes[reason as ErrorCode]
    return { meaning, next: remedy, page: `docs/reference/errors.md#${reason.toLowerCase()}` }
  }
  return {
    meaning: "This word is Kubernetes' own; the message says what it is about.",
    next: null,
    page: notReady,
  }
}

/** For tests: each page must be there. */
export const explainedReasons: readonly string[] = Object.keys(reasons)
