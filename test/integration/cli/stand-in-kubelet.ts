// A node without a machine: an HTTPS server that answers as a kubelet does when the API server asks for logs
// (https://kubernetes.io/docs/reference/node/kubelet-api/ is what there is of a specification).
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'

export const standInNode = 'stand-in'

export interface StandInKubelet {
  /** By the name of a pod: the log of its container, and of the one before it. */
  logs: Map<string, { now: string; previous?: string }>
  /** Gives a pending pod to this node. */
  bind(namespace: string, pod: string): Promise<void>
  stop(): Promise<void>
}

/** Starts the server, with a certificate of the cluster's own, and makes its Node. */
export async function startStandInKubelet(cluster: BedKubernetes): Promise<StandInKubelet> {
  const pki = join(dirname(cluster.kubeconfig), 'pki')
  const logs: StandInKubelet['logs'] = new Map()
  const server = createServer(
    { cert: await readFile(join(pki, 'apiserver.crt')), key: await readFile(join(pki, 'apiserver.key')) },
    (request, response) => {
      const url = new URL(request.url ?? '/', 'https://kubelet')
      const [, what, , pod = ''] = url.pathname.split('/')
      const log = what === 'containerLogs' ? logs.get(pod) : undefined
      if (log === undefined) response.writeHead(404)
      response.end(
        url.searchParams.get('previous') === 'true' ? (log?.previous ?? '') : (log?.now ?? 'no such log'),
      )
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: standInNode } }
  await create(cluster, '/api/v1/nodes', node)
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  }
  await cluster.kubectl(
    'patch',
    'node',
    standInNode,
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  )
  return {
    logs,
    bind: async (namespace, pod) =>
      create(cluster, `/api/v1/namespaces/${namespace}/pods/${pod}/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: pod },
        target: { apiVersion: 'v1', kind: 'Node', name: standInNode },
      }),
    stop: () => {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

/** What a kubelet would write of a pod. */
export async function setPodStatus(
  cluster: BedKubernetes,
  { namespace, name }: { namespace: string; name: string },
  status: object,
): Promise<void> {
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]
  await cluster.kubectl('patch', 'pod', name, '-n', namespace, ...patch)
}

async function create(cluster: BedKubernetes, path: string, object: object): Promise<void> {
  const file = join(dirname(cluster.kubeconfig), 'stand-in.json')
  await writeFile(file, JSON.stringify(object))
  await cluster.kubectl('create', '--raw', path, '-f', file)
}
