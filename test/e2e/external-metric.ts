// What KEDA or an adapter of Prometheus is to a HorizontalPodAutoscaler: a server of the external metrics API that the
// API server knows of. It has one metric, which is what the test says.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { SluiceCluster } from './sluice-cluster.ts'

const group = 'external.metrics.k8s.io'
const version = 'v1beta1'

export class ExternalMetric {
  value = 0
  readonly #cluster: SluiceCluster
  readonly #server: Server

  private constructor(cluster: SluiceCluster, server: Server) {
    this.#cluster = cluster
    this.#server = server
  }

  /** Resolves when the API server hands on what it is asked of this metric. */
  static async serve(cluster: SluiceCluster, name: string): Promise<ExternalMetric> {
    const server = createServer(await certificate(), (request, response) => {
      const answer =
        request.url?.endsWith(`/${version}`) === true ? discovery(name) : valueOf(name, metric.value)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
    const metric = new ExternalMetric(cluster, server)
    const host = cluster.cluster.nodeIp
    await new Promise<void>(resolve => server.listen(0, host, resolve))
    await cluster.apply(registration(host, (server.address() as AddressInfo).port, cluster.namespace))
    await cluster.kubectl(
      'wait',
      '--for=condition=Available',
      `apiservice/${version}.${group}`,
      '--timeout=60s',
    )
    return metric
  }

  async stop(): Promise<void> {
    await this.#cluster.kubectl('delete', 'apiservice', `${version}.${group}`)
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** An API has a Service in front of it; behind this one is a server of this machine. */
function registration(host: string, port: number, namespace: string): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: external-metric}
spec: {ports: [{port: 443, targetPort: ${port}}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: external-metric, labels: {kubernetes.io/service-name: external-metric}}
addressType: IPv4
ports: [{name: "", port: ${port}}]
endpoints: [{addresses: ["${host}"], conditions: {ready: true}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: ${version}.${group}}
spec:
  group: ${group}
  version: ${version}
  service: {name: external-metric, namespace: ${namespace}}
  insecureSkipTLSVerify: true
  groupPriorityMinimum: 100
  versionPriority: 100
`
}

function discovery(name: string): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${group}/${version}`,
    resources: [
      { name, singularName: '', namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] },
    ],
  }
}

function valueOf(metricName: string, value: number): object {
  const timestamp = new Date().toISOString()
  return {
    kind: 'ExternalMetricValueList',
    apiVersion: `${group}/${version}`,
    metadata: {},
    items: [{ metricName, metricLabels: {}, timestamp, value: String(value) }],
  }
}

/** Signed by itself. */
async function certificate(): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-metric-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const files = ['-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=external-metric']
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...files])
  const pair = { key: await readFile(key), cert: await readFile(cert) }
  await rm(folder, { recursive: true })
  return pair
}
