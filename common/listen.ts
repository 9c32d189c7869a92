// An HTTP server on its port, as all of ours are started and stopped.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ListeningServer {
  port: number
  /** Ends open connections, too. */
  close: () => Promise<void>
}

/** @param at port 0 takes any free one. Rejects when the port cannot be had */
export async function listen(server: Server, at: { host: string; port: number }): Promise<ListeningServer> {
  await new Promise<void>((resolve, reject) => {
    // Later ones (no file handle is left for a connection) must not end the process.
    server.on('error', reject)
    server.listen(at.port, at.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
