/**
 * Keeps the Python programs that all files of a run share, because a Spark session takes tens of seconds to start and to
 * warm up. Each is started when it is first asked for, and used by one file at a time: others wait. A file begins with a
 * session of its own (`{"op": "begin"}`), without the settings and views of the one before. A program that owes an answer
 * when its file ends (a time-out, a crash) may hang: it is killed, and the next file has another.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { type Program, startProgram } from './python-server.ts'

const STOP_TIMEOUT_MS = 20_000
const LINE_END = 10

/** Where a test finds the hub of its run. */
export const hubVariable = 'SLUICE_BED_HUB'

interface Kept {
  program: Program | null
  /** Ends with the use by the last of those that have come so far. */
  turn: Promise<void>
}

export class ProgramHub {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-hub-'))
  readonly #server: Server
  readonly #kept = new Map<string, Kept>()
  readonly #start: (args: readonly string[]) => Program

  private constructor(start: (args: readonly string[]) => Program) {
    this.#start = start
    this.#server = createServer(socket => void this.#serve(socket))
  }

  static async start(start: (args: readonly string[]) => Program = startProgram): Promise<ProgramHub> {
    const hub = new ProgramHub(start)
    await new Promise<void>(resolve => hub.#server.listen(hub.socketPath, resolve))
    return hub
  }

  get socketPath(): string {
    return join(this.#folder, 'hub')
  }

  /** Ends the programs. To be called when no file runs any more. */
  async stop(): Promise<void> {
    this.#server.close()
    for (const { program } of this.#kept.values()) {
      if (program === null) continue
      program.input.end()
      await Promise.race([program.ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })])
      program.kill()
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** The first line of a client names the program: its arguments, as a JSON array. */
  async #serve(socket: Socket): Promise<void> {
    socket.on('error', () => undefined) // shows in its close
    const gone = new Promise<void>(resolve => socket.once('close', () => resolve()))
    const key = await firstLine(socket, gone)
    const kept = this.#kept.get(key) ?? { program: null, turn: Promise.resolve() }
    this.#kept.set(key, kept)
    kept.turn = kept.turn.then(() => (socket.closed ? undefined : this.#use(kept, key, { socket, gone })))
    await kept.turn
  }

  #begin(kept: Kept, key: string): Program {
    const program = this.#start(JSON.parse(key) as string[])
    void program.ended.then(() => {
      if (kept.program === program) kept.program = null
    })
    return program
  }

  async #use(kept: Kept, key: string, client: { socket: Socket; gone: Promise<void> }): Promise<void> {
    const { socket, gone } = client
    const program = (kept.program ??= this.#begin(kept, key))
    let answersOwed = 1
    const answer = (bytes: Buffer): void => {
      answersOwed -= lineCount(bytes)
      socket.write(bytes)
    }
    program.output.on('data', answer)
    program.input.write(`${JSON.stringify({ id: 0, op: 'begin' })}\n`)
    socket.on('data', (bytes: Buffer) => {
      answersOwed += lineCount(bytes)
      program.input.write(bytes)
    })
    socket.resume()
    const ended = await Promise.race([gone, program.ended])
    program.output.off('data', answer)
    if (answersOwed === 0 && ended === undefined) return
    program.kill()
    await program.ended
    if (ended !== undefined) socket.end(`${JSON.stringify({ ended })}\n`)
  }
}

/** Leaves what follows the line to be read. */
function firstLine(socket: Socket, gone: Promise<void>): Promise<string> {
  return new Promise(resolve => {
    let read = Buffer.alloc(0)
    const take = (bytes: Buffer): void => {
      read = Buffer.concat([read, bytes])
      const end = read.indexOf(LINE_END)
      if (end < 0) return
      socket.off('data', take)
      socket.pause()
      socket.unshift(read.subarray(end + 1))
      resolve(read.toString('utf8', 0, end))
    }
    socket.on('data', take)
    void gone.then(() => resolve('[]'))
  })
}

function lineCount(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(LINE_END); at >= 0; at = bytes.indexOf(LINE_END, at + 1)) count++
  return count
}
