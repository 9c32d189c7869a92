/**
 * A TCP proxy that writes down when how much came from the server: the rate at which something is read, seen from outside
 * of whoever reads it.
 */
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { MessageFramer } from '#connectors/postgres/message-framer.ts'

export interface CountingProxy {
  readonly port: number
  /** What the server sent in each tenth of a second, from the first one on. */
  readonly byTenth: readonly number[]
  /** Counts anew from what comes next. */
  reset(): void
  stop(): Promise<void>
}

/** Counts what a server sends on one connection. */
export type CountReceived = (bytes: Buffer) => number

export async function startCountingProxy(
  target: { host: string; port: number },
  newCount: () => CountReceived = () => bytes => bytes.length,
): Promise<CountingProxy> {
  const byTenth: number[] = []
  let sinceMs: number | null = null
  const server = createServer(near => {
    const far = connect(target)
    const count = newCount()
    far.on('data', (bytes: Buffer) => {
      const counted = count(bytes)
      if (counted === 0) return
      const nowMs = performance.now()
      sinceMs ??= nowMs
      const tenth = Math.floor((nowMs - sinceMs) / 100)
      while (byTenth.length <= tenth) byTenth.push(0)
      byTenth[tenth]! += counted
    })
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => undefined)
      socket.on('close', () => other.destroy())
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    byTenth,
    reset() {
      byTenth.length = 0
      sinceMs = null
    },
    async stop() {
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const dataRow = 0x44

/** Counts rows of a PostgreSQL server that are larger than those of catalogues are likely to be. */
export function countRows(bytesMin: number): CountReceived {
  const framer = new MessageFramer()
  return received => {
    let rows = 0
    for (framer.push(received); framer.next();)
      if (framer.type === dataRow && framer.end - framer.start >= bytesMin) rows++
    return rows
  }
}

/** Sums over all windows of so many tenths that lie within. */
export function windowSums(byTenth: readonly number[], tenths: number): number[] {
  const sums: number[] = []
  for (let from = 0; from === 0 || from + tenths <= byTenth.length; from++)
    sums.push(byTenth.slice(from, from + tenths).reduce((sum, each) => sum + each, 0))
  return sums
}
/** The most there was in any window of so many tenths, as a part of all. */
export function fullestWindow(byTenth: readonly number[], tenths: number): number {
  const sum = (from: number, to: number): number =>
    byTenth.slice(from, to).reduce((total, each) => total + each, 0)
  const windows = byTenth.map((_, from) => sum(from, from + tenths))
  return Math.max(...windows) / sum(0, byTenth.length)
}
