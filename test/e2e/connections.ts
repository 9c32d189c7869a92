// Who reaches whom in the cluster, tried with real connections.
import type { SluiceCluster } from './sluice-cluster.ts'

/** Listens on this port. */
export const strangerPort = 9000

/** A pod that has nothing to do with Sluice. */
export function stranger(name: string): string {
  const serve = `require('http').createServer((_, r) => r.end('ok')).listen(${strangerPort})`
  return `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: server
      image: bed.local/node:24
      imagePullPolicy: Never
      command: [/usr/local/bin/node, -e, "${serve}"]
      readinessProbe: {tcpSocket: {port: ${strangerPort}}, periodSeconds: 1}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`
}

export interface Place {
  host: string
  port: number
}

export function placeOf(url: string): Place {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

export interface Reachable {
  at(port: number): Place
  /** Whether a connection from within the pod comes about. */
  reaches(place: Place): Promise<boolean>
}

/** The first pod with the label. */
export async function reachable(
  cluster: SluiceCluster,
  namespace: string,
  label: string,
): Promise<Reachable> {
  const path = 'jsonpath={.items[0].metadata.name} {.items[0].status.podIP}'
  const [name, ip] = (await cluster.kubectl('get', 'pods', '-n', namespace, '-l', label, '-o', path)).split(
    ' ',
  )
  return {
    at: port => ({ host: ip!, port }),
    async reaches({ host, port }) {
      const script = `
const end = said => { console.log(said); process.exit() }
require('net').connect(${port}, '${host}', () => end('open')).on('error', ({ code }) => end(code))
setTimeout(() => end('silent'), 3000)`
      const command = ['/usr/local/bin/node', '-e', script]
      const said = await cluster.kubectl('exec', '-n', namespace, name!, '--', ...command)
      return said.trim() === 'open'
    },
  }
}
