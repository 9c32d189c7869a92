// Nodes that run nothing: kwok plays the kubelet, and says of each pod that it runs. Pods get loopback addresses, so
// that one server on this machine can answer for all workers.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '#scripts/free-port.ts'
import { ServerProcess } from '#scripts/server-process.ts'
import { kwokProgram } from '#test/bed/cache.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'

const podsPerNode = 500
const podNetwork = '127.64.0.1/10'

/** Makes room for that many pods. @param dir for files of its own */
export async function startFakeNodes(
  cluster: BedKubernetes,
  pods: number,
  dir: string,
): Promise<ServerProcess> {
  const names = Array.from({ length: Math.ceil((pods * 1.2) / podsPerNode) }, (_, at) => `fake-${at}`)
  const file = join(dir, 'nodes.json')
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: names.map(node) }))
  await cluster.kubectl('create', '-f', file)
  const port = await freePort()
  return ServerProcess.start({
    name: 'kwok',
    command: kwokProgram,
    args: [
      `--kubeconfig=${cluster.kubeconfig}`,
      '--manage-all-nodes=true',
      `--cidr=${podNetwork}`,
      `--server-address=127.0.0.1:${port}`,
    ],
    logPath: join(dir, 'kwok.log'),
    ready: async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok,
    readyTimeoutMs: 60_000,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 10_000,
    orphanSignal: 'KILL',
  })
}

function node(name: string): object {
  const room = { cpu: '10000', memory: '100Ti', pods: String(podsPerNode) }
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
    },
    status: { allocatable: room, capacity: room },
  }
}
