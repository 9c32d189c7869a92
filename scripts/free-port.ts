/**
 * Finds a TCP port for a server that this machine is about to start on the loopback address.
 * The port lies below the range from which the kernel gives ports to outgoing connections: a server that is killed and
 * started again on the same port would otherwise sometimes find it taken by a client of its own. It also lies below the
 * node ports of Kubernetes (30000 to 32767), which network policies let through.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const PORT_MIN = 15_000
const PORT_MAX = 30_000
const ATTEMPTS_MAX = 200

/** A port that could be bound a moment ago, on `host` (loopback unless told). */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (await canBind(host, port)) return port
  }
  throw new Error(`no free port on ${host} in ${ATTEMPTS_MAX} attempts`)
}

function canBind(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
