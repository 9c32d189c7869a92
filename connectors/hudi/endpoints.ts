import type { Endpoint } from '../endpoint.ts'
import type { HudiSpec } from './spec.ts'

const https = 443
/** Where pods are told who they are: of the node, of a task, and by the agent of EKS. */
const identityHosts = ['169.254.169.254', '169.254.170.2', '169.254.170.23']

/** The store, and where the pod gets its identity from when no keys are given. None for a folder. */
export function hudiEndpoints({ url, s3 }: HudiSpec): Endpoint[] {
  if (!isS3(url)) return []
  const store = s3?.endpoint === undefined ? { host: null, port: https } : ofUrl(new URL(s3.endpoint))
  if (!hudiUsesPodIdentity({ url, s3 })) return [store]
  return [store, { host: null, port: https }, ...identityHosts.map(host => ({ host, port: 80 }))]
}

/** A store whose keys are not in the spec lets in who the pod is. */
export function hudiUsesPodIdentity({ url, s3 }: Pick<HudiSpec, 'url' | 's3'>): boolean {
  return isS3(url) && s3?.accessKeyId === undefined
}

function isS3(url: string): boolean {
  return /^s3a?:/.test(url)
}

function ofUrl({ hostname, port, protocol }: URL): Endpoint {
  const usual = protocol === 'http:' ? 80 : https
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? usual : Number(port) }
}
