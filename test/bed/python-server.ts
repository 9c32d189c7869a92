/**
 * A Python program that answers requests, one JSON text a line (assets/hudi/serve.py): one of our own, over its standard
 * streams, or one that a whole run shares (program-hub.ts), over a socket. It ends by itself when its input ends, so it
 * cannot outlive us.
 */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

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
  /** Instead of an answer: the hub says why the program has ended. */
  readonly ended?: string
  readonly result?: unknown
  readonly error?: string
}

/** The program as we reach it. */
export interface Program {
  readonly input: Writable
  readonly output: Readable
  /** Resolves when it is gone, with the end of what it said about itself. */
  readonly ended: Promise<string>
  kill(): void
}

/** `args`: the script and its arguments. */
export function startProgram(args: readonly string[]): Program {
  // A group of its own, so that the JVM below Spark is killed with it.
  const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  child.stdin.on('error', () => undefined) // shows in its end
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-STDERR_BYTES_MAX)
  })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('close', () => resolve(errors))
  })
  return { input: child.stdin, output: child.stdout, ended, kill: () => killGroup(child.pid) }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The program with these arguments that the hub at the socket keeps. */
export function sharedProgram(socketPath: string, args: readonly string[]): Program {
  const socket = connect(socketPath)
  socket.write(`${JSON.stringify(args)}\n`)
  const ended = new Promise<string>(resolve => {
    socket.on('error', error => resolve(error.message))
    socket.once('close', () => resolve('the hub has closed the connection'))
  })
  return { input: socket, output: socket, ended, kill: () => socket.destroy() }
}

export class PythonServer {
  readonly #name: string
  readonly #program: Program
  readonly #pending = new Map<number, Pending>()
  #requests = 0
  /** Why it takes no more requests. */
  #end: string | null = null

  /** The name is for error messages. */
  constructor(name: string, program: Program) {
    this.#name = name
    this.#program = program
    const lines = createInterface({ input: program.output, crlfDelay: Infinity })
    lines.on('error', () => undefined)
    lines.on('line', line => this.#answer(line))
    void program.ended.then(reason => this.#failAll(`it has ended\n${reason}`))
  }

  /** Rejects with the reader's own error, or with the end of its error output when it died. */
  request(body: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#end !== null) return Promise.reject(new Error(`${this.#name}: ${this.#end}`))
    const id = ++this.#requests
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#program.input.write(`${JSON.stringify({ id, ...body })}\n`)
    })
  }

  /** Lets the request in hand finish, but not for ever. */
  async stop(): Promise<void> {
    this.#program.input.end()
    const kill = setTimeout(() => this.#program.kill(), STOP_TIMEOUT_MS)
    await this.#program.ended
    clearTimeout(kill)
  }

  #answer(line: string): void {
    const { id, result, error, ended } = parseCanonical(line) as Answer
    if (ended !== undefined) return this.#failAll(`it has ended\n${ended}`)
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) pending?.resolve(result)
    else pending?.reject(new Error(`${this.#name}: ${error}`))
  }

  #failAll(reason: string): void {
    this.#end ??= reason
    for (const { reject } of this.#pending.values()) reject(new Error(`${this.#name}: ${reason}`))
    this.#pending.clear()
  }
}
