// Where a worker must be let to, for network policies: as far as a DataSource tells.

export interface Endpoint {
  /** Name or address; null: only the servers tell theirs. */
  host: string | null
  /** TCP. */
  port: number
}

/** Of `host:port` or `[address]:port`. */
export function endpointOf(text: string): Endpoint {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) }
}
