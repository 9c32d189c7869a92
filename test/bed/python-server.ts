/**
 * A Python program that answers requests, one JSON text a line, over its standard streams (assets/hudi/serve.py).
 * It ends by itself when its input ends, so it cannot outlive us.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

import { python } from './cache.ts'
import { parseCanonical } from './canonical.ts'

const STDERR_BYTES_MAX = 8000
const STOP_TIMEOUT_MS = 20_000

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

export class PythonServer {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #pending = new Map<number, Pending>()
  #requests = 0
  #stderr = ''

  /** `args`: the script and its arguments. The name is for error messages. */
  constructor(name: string, args: readonly string[]) {
    this.#name = name
    this.#child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES_MAX)
    })
    this.#child.stdin?.on('error', () => undefined) // a dead reader shows in its exit
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout, crlfDelay: Infinity }).on('line', line =>
        this.#answer(line),
      )
    }
    this.#exited = new Promise(resolve => {
      this.#child.once('error', error => this.#failAll(error.message, resolve))
      this.#child.once('close', () => this.#failAll(`it has ended\n${this.#stderr}`, resolve))
    })
  }

  /** Rejects with the reader's own error, or with the end of its error output when it died. */
  request(body: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#child.exitCode !== null)
      return Promise.reject(new Error(`${this.#name}: it has ended\n${this.#stderr}`))
    const id = ++this.#requests
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#child.stdin?.write(`${JSON.stringify({ id, ...body })}\n`)
    })
  }

  /** Lets the request in hand finish, but not for ever. */
  async stop(): Promise<void> {
    this.#child.stdin?.end()
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.#exited
    clearTimeout(kill)
  }

  #answer(line: string): void {
    const { id, result, error } = parseCanonical(line) as Answer
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) pending?.resolve(result)
    else pending?.reject(new Error(`${this.#name}: ${error}`))
  }

  #failAll(reason: string, done: () => void): void {
    for (const { reject } of this.#pending.values()) reject(new Error(`${this.#name}: ${reason}`))
    this.#pending.clear()
    done()
  }
}
