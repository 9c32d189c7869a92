/**
 * A TCP proxy whose other side can fall silent: connections stay open, what is sent is taken and goes nowhere, as behind
 * a router that lost its power or a machine that hangs.
 */
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

export interface BlackHole {
  readonly port: number
  /** Connections taken so far. */
  readonly connections: number
  /** From now on nothing comes through, in either direction; new connections are taken all the same. */
  fallSilent(): void
  /** New connections come through again; those that were silenced stay so. */
  recover(): void
  stop(): Promise<void>
}

export async function startBlackHole(target: { host: string; port: number }): Promise<BlackHole> {
  let silent = false
  let connections = 0
  const links = new Set<{ near: Socket; far: Socket | null }>()
  const silence = ({ near, far }: { near: Socket; far: Socket | null }): void => {
    near.unpipe()
    far?.unpipe()
    near.resume()
    far?.resume()
  }
  const server = createServer({ allowHalfOpen: true }, near => {
    connections++
    const link = { near, far: silent ? null : connect({ ...target, allowHalfOpen: true }) }
    const { far } = link
    links.add(link)
    for (const socket of [near, far]) {
      socket?.on('error', () => undefined)
      socket?.on('close', () => {
        if (!silent) for (const other of [near, far]) other?.destroy()
      })
    }
    if (far === null) near.resume()
    else near.pipe(far).pipe(near)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    get connections() {
      return connections
    },
    fallSilent() {
      silent = true
      links.forEach(silence)
    },
    recover() {
      silent = false
    },
    async stop() {
      for (const { near, far } of links) for (const socket of [near, far]) socket?.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
