import type { Endpoint } from '../endpoint.ts'
import type { HudiSpec } from './spec.ts'

const https = 443
/** Where pods are told who they are: of the node, of a task, and by the agent of EKS. */
const identityHosts = ['169.254.169.254', '169.254.170.2', '169.254.170.23']

/** The store, and where the pod gets its identity from when no keys are given. None for a folder. */
export function hudiEndpoints({ url, s3 }: HudiSpec): Endpoint[] {
  if (!/^s3a?:/.test(url)) return []
  const store = s3?.endpoint === undefined ? { host: null, port: https } : ofUrl(new URL(s3.endpoint))
  if (s3?.accessKeyId !== undefined) return [store]
  return [store, { host: null, port: https }, ...identityHosts.map(host => ({ host, port: 80 }))]
}

function ofUrl({ hostname, port, protocol }: URL): Endpoint {
  const usual = protocol === 'http:' ? 80 : https
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? usual : Number(port) }
}
