/**
 * A server that runs as a child of this process: started, waited for, stopped, killed hard, started again.
 * It runs in a session of its own, so that Ctrl-C in a terminal reaches only us and we stop it in good order; and it
 * ends when we end: on a normal exit by a hook here, on a kill -9 of us by the kernel (`setpriv --pdeathsig`), where
 * util-linux is installed.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const SETPRIV = '/usr/bin/setpriv'
const POLL_INTERVAL_MS = 50
const LOG_TAIL_LINES = 20

export interface ServerCommand {
  /** What the server is called in error messages. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Runs as this user and group; only root may change them. */
  readonly uid?: number
  readonly gid?: number
  /** Standard output and error are appended here. */
  readonly logPath: string
  /** True once the server answers; asked again and again, a rejection means "not yet". */
  readonly ready: () => Promise<boolean>
  readonly readyTimeoutMs: number
  /** Asks for an orderly end; SIGKILL follows after `stopTimeoutMs`. */
  readonly stopSignal: NodeJS.Signals
  readonly stopTimeoutMs: number
  /** Sent by the kernel when this process dies. */
  readonly orphanSignal: 'KILL' | 'QUIT'
}

const running = new Set<ServerProcess>()
process.on('exit', () => {
  for (const server of running) server.killNow()
})

export class ServerProcess {
  readonly #command: ServerCommand
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()

  private constructor(command: ServerCommand) {
    this.#command = command
  }

  /** Resolves when the server answers; rejects with the end of its log if it dies or stays silent. */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(command)
    await server.#start()
    return server
  }

  /** The process id. Throws when the server is not running. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.#command.name} is not running`)
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** Stops the server in good order. Does nothing when it is not running. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.kill(this.#command.stopSignal)
    const patience = new AbortController()
    const tooLong = sleep(this.#command.stopTimeoutMs, 'slow', { signal: patience.signal }).catch(
      () => 'ended',
    )
    const outcome = await Promise.race([this.#exited, tooLong])
    patience.abort()
    if (outcome === 'slow') await this.kill9()
  }

  /** Kills the server and its child processes without a warning, as a crash of the machine would. */
  async kill9(): Promise<void> {
    const children = this.#child?.pid === undefined ? [] : childrenOf(this.#child.pid)
    this.killNow()
    for (const pid of children) sendSignal(pid, 'SIGKILL')
    await this.#exited
    while (children.some(isAlive)) await sleep(POLL_INTERVAL_MS)
  }

  /** Starts it again with the same command, stopping it first when it runs. */
  async restart(): Promise<void> {
    await this.stop()
    await this.#start()
  }

  /** Sends SIGKILL and does not wait. For the exit hook, which cannot wait. */
  killNow(): void {
    this.#child?.kill('SIGKILL')
  }

  async #start(): Promise<void> {
    const { name, ready, readyTimeoutMs } = this.#command
    this.#spawn()
    const deadline = performance.now() + readyTimeoutMs
    while (!(await ready().catch(() => false))) {
      if (!this.isRunning) throw new Error(`${name} ended while it started:\n${this.#logTail()}`)
      if (performance.now() > deadline) {
        await this.kill9()
        throw new Error(`${name} gave no answer in ${readyTimeoutMs} ms:\n${this.#logTail()}`)
      }
      await sleep(POLL_INTERVAL_MS)
    }
    // Another server may answer on our port while ours has failed to bind it.
    if (!this.isRunning) throw new Error(`${name} ended while it started:\n${this.#logTail()}`)
  }

  #spawn(): void {
    const { command, args, env, cwd, uid, gid, logPath, orphanSignal } = this.#command
    const log = openSync(logPath, 'a')
    const launcher = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', orphanSignal, '--'] : []
    const [file = command, ...rest] = [...launcher, command, ...args]
    const child = spawn(file, rest, {
      detached: true,
      stdio: ['ignore', log, log],
      ...(env && { env: { ...process.env, ...env } }),
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    })
    closeSync(log)
    this.#child = child
    running.add(this)
    this.#exited = new Promise(resolve => {
      const ended = (): void => {
        running.delete(this)
        if (this.#child === child) this.#child = undefined
        resolve()
      }
      child.once('exit', ended)
      child.once('error', ended)
    })
  }

  #logTail(): string {
    const { logPath } = this.#command
    if (!existsSync(logPath)) return `(${logPath} is empty)`
    return readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
  }
}

/** The direct children of a process, as the kernel lists them (Linux only; elsewhere none are known). */
function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(path)) return []
  return readFileSync(path, 'latin1').trim().split(' ').filter(Boolean).map(Number)
}

/** Whether a process exists and is more than a zombie waiting to be reaped. */
export function isAlive(pid: number): boolean {
  if (!sendSignal(pid, 0)) return false
  const path = `/proc/${pid}/stat`
  if (!existsSync(path)) return process.platform !== 'linux'
  const stat = readFileSync(path, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
}

function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false // it is gone already
  }
}
