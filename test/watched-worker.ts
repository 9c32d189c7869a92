// Runs a script in a thread of its own that can be ended from outside. For what must never loop for ever: a loop
// without an await keeps mocha's own time limit from firing, in this thread.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/**
 * Resolves when the script has ended. @throws Error what it threw; or, past the limit, an error with the last thing
 * it posted, which should be what it was about to do.
 */
export async function watchedWorker(script: URL, limitMs: number): Promise<void> {
  const worker = new Worker(script)
  let last: unknown = null
  worker.on('message', message => {
    last = message
  })
  let ended = false
  const timer = setTimeout(() => {
    if (!ended) void worker.terminate()
    ended = true
  }, limitMs)
  try {
    await once(worker, 'exit')
    if (ended) throw new Error(`${script.pathname} did not end; it was at ${JSON.stringify(last)}`)
  } finally {
    ended = true
    clearTimeout(timer)
  }
}
