// `sluice kube VERB …`, which kubectl runs as `kubectl sluice VERB …`: what a person asks and tells the operator.
import { systemClock } from '#common/clock.ts'
import { ownVersion } from './kube/report.ts'
import { openSession } from './kube/session.ts'
import type { Open, Session } from './kube/session.ts'
import { stopSignal } from './stop-signal.ts'
import { UsageError } from './usage-error.ts'

export const usage = `Usage: kubectl sluice status [JOB] [-A] [-o json]
       kubectl sluice explain JOB
       kubectl sluice pause JOB [--wait [--timeout 2m]]
       kubectl sluice resume JOB [--wait [--timeout 2m]]
       kubectl sluice resync JOB [--table NAME]... [--id TEXT] [--wait [--timeout 1h]]
       kubectl sluice logs JOB [-f] [-p] [--tail N] [--worker NAME]
       kubectl sluice report [JOB] [-o FILE.tar.gz] [--tail N] [--operator-namespace NAME]

status: the jobs in a table, or one with its conditions, tables and workers. Exit code 0: ready, 1: not.
explain: what the operator does with a job and why: conditions, workers, lag, limits, scaling, events.
pause: stops the workers of a job; it keeps its positions. resume: starts them again from there.
resync: reads tables of a job (default: all) from the source anew, into the tables of the target that are there.
logs: of all workers of a job, each line with the name of its pod.
report: an archive for a bug report: resources, events and logs, without Secrets and with passwords taken out.

  -n, --namespace NAME       of the job (default: the namespace of the context)
  -A, --all-namespaces       status: of all namespaces
      --context NAME         of the kubeconfig (default: the current one)
      --kubeconfig FILE      (default: $KUBECONFIG, then ~/.kube/config)
  -o, --output               status: json. report: FILE.tar.gz, or a folder to make
      --table NAME           resync: a table, as the source names it, or a glob; may be given more than once
      --id TEXT              resync: what it is to be called (default: the time); the same one again does nothing
      --wait                 pause, resume, resync: until the last worker has ended, the job is ready again, or all is read
      --timeout DURATION     and no longer than this; then the exit code is 1
  -f, --follow               logs: go on, also with workers that come later
  -p, --previous             logs: of the container before its last restart
      --tail N               logs: the last lines of each worker (default: all). report: of each log (default: 5000)
      --worker NAME          logs: of one worker: its pod, or the end of the pod's name
      --operator-namespace NAME  report: where the operator runs (default: sluice-system)

\`sluice kube\` is the same. The rights this needs: docs/guides/kubectl-sluice.md.`

type Verb = (argv: string[], open: Open) => Promise<number>

const verbs: Readonly<Record<string, () => Promise<{ run: Verb }>>> = {
  status: () => import('./kube/status.ts'),
  explain: () => import('./kube/explain.ts'),
  pause: () => import('./kube/pause.ts'),
  resume: () => import('./kube/resume.ts'),
  resync: () => import('./kube/resync.ts'),
  logs: () => import('./kube/logs.ts'),
  report: () => import('./kube/report.ts'),
}

/** The exit code. @throws UsageError, and SyncError with the codes KUBE_… and JOB_NOT_FOUND */
export async function run([name = '', ...argv]: string[]): Promise<number> {
  const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (load === undefined) throw new UsageError(`say what to do: ${Object.keys(verbs).join(', ')}`)
  const verb = await load()
  process.stdout.on('error', leaveWhenUnread)
  const sessions: Session[] = []
  const open: Open = async choice => {
    const around = { clock: systemClock, signal: stopSignal(), version: await ownVersion() }
    const session = await openSession(choice, around)
    sessions.push(session)
    return session
  }
  try {
    return await verb.run(argv, open)
  } finally {
    for (const { client } of sessions) client.close()
  }
}

/** Whoever reads may have seen enough (`| head`): then so have we. */
function leaveWhenUnread(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit()
  throw error
}
