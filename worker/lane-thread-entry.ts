// Where a lane's thread begins. It loads the lane's code at once and then waits to be told what the lane is to do.
// The cache of compiled code is per thread and must be on before anything is loaded.
import { enableCompileCache } from 'node:module'
import { parentPort } from 'node:worker_threads'
import type { Lane } from './lane.ts'
import type { ToLane } from './lane-protocol.ts'

/** How long connections may take to close when the lane stops. */
const closingGraceMs = 2_000

enableCompileCache()
const code = await import('./lane.ts')
const { connectorCode } = await import('#connectors/load.ts')
const port = parentPort!
let lane: Lane | null = null

port.on('message', (message: ToLane) => {
  if (message.kind === 'start') {
    lane = new code.Lane(message.data, report => port.postMessage(report))
    port.postMessage({ kind: 'ready' })
  } else {
    const done = lane!.take(message)
    if (message.kind === 'stop') void done.then(end)
  }
})

/** Ends the thread, even should something that was left behind keep it. */
function end(): void {
  port.close()
  setTimeout(() => process.exit(), closingGraceMs).unref()
}

// Nearly every job ends in a lake, and there is nothing else to do yet. A failure shows when the lane opens it.
connectorCode['hudi']!().catch(() => undefined)
