/**
 * A TCP proxy that writes down when how many bytes came from the server: the rate at which something is read, seen from
 * outside of whoever reads it.
 */
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'

export interface CountingProxy {
  readonly port: number
  /** Bytes the server sent in each tenth of a second, from the first one on. */
  readonly byTenth: readonly number[]
  /** Counts anew from the next byte on. */
  reset(): void
  stop(): Promise<void>
}

export async function startCountingProxy(target: { host: string; port: number }): Promise<CountingProxy> {
  const byTenth: number[] = []
  let sinceMs: number | null = null
  const server = createServer(near => {
    const far = connect(target)
    far.on('data', (bytes: Buffer) => {
      const nowMs = performance.now()
      sinceMs ??= nowMs
      const tenth = Math.floor((nowMs - sinceMs) / 100)
      while (byTenth.length <= tenth) byTenth.push(0)
      byTenth[tenth]! += bytes.length
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

/** The most there was in any window of so many tenths, as a part of all. */
export function fullestWindow(byTenth: readonly number[], tenths: number): number {
  const sum = (from: number, to: number): number =>
    byTenth.slice(from, to).reduce((total, each) => total + each, 0)
  const windows = byTenth.map((_, from) => sum(from, from + tenths))
  return Math.max(...windows) / sum(0, byTenth.length)
}
