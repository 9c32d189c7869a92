import type { Endpoint } from '../endpoint.ts'
import { endpointOf } from '../endpoint.ts'
import type { KafkaSpec } from './spec.ts'

/** Those that are named, and any others at the same ports: brokers tell their addresses themselves. */
export function kafkaEndpoints({ brokers }: KafkaSpec): Endpoint[] {
  const named = brokers.map(endpointOf)
  const ports = new Set(named.map(({ port }) => port))
  return [...named, ...[...ports].map(port => ({ host: null, port }))]
}
