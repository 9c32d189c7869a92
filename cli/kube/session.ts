// What every verb of `kubectl sluice` works with: the cluster, the namespace, and where its words go. The options
// are kubectl's own, and mean what they mean there.
import { once } from 'node:events'
import type { ParseArgsOptionsConfig } from 'node:util'
import type { Clock } from '#common/clock.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { loadEndpoint } from '#operator/kube/endpoint.ts'

export interface Session {
  client: KubeClient
  /** Of `-n`, or of the context. */
  namespace: string
  clock: Clock
  /** The command's output. Resolves when there is room for more. */
  write: (text: string) => Promise<void>
  /** What a person should know besides; not part of the output. */
  warn: (text: string) => void
  /** Aborts when the command is told to stop. */
  signal: AbortSignal
}

export const clusterOptions = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
} as const satisfies ParseArgsOptionsConfig

export interface ClusterChoice {
  kubeconfig?: string | undefined
  context?: string | undefined
  namespace?: string | undefined
}

/** How a verb comes by its session, once it has read its options. */
export type Open = (choice: ClusterChoice) => Promise<Session>

/** @throws ConfigError KUBE_CONFIG_MISSING, KUBE_CONFIG_INVALID */
export async function openSession(
  choice: ClusterChoice,
  around: Pick<Session, 'clock' | 'signal'> & { version: string },
): Promise<Session> {
  const endpoint = await loadEndpoint(around.clock, choice)
  return {
    client: new KubeClient(endpoint, undefined, `kubectl-sluice/${around.version}`),
    namespace: choice.namespace ?? endpoint.namespace,
    clock: around.clock,
    signal: around.signal,
    write: async text => {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    warn: text => void process.stderr.write(text),
  }
}
