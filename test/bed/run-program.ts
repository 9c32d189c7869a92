/**
 * Runs the programs that install the bed (apt-get, mvn, go, pip). Their output goes to `install.log` in the cache; the
 * end of it comes back in the error when one fails.
 */
import { spawn } from 'node:child_process'
import { appendFileSync, createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { cacheDir } from './cache.ts'

const TAIL_BYTES = 3000
const POLICY = '/usr/sbin/policy-rc.d'

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export const installLog = join(cacheDir, 'install.log')

/** Resolves with the standard output. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  mkdirSync(cacheDir, { recursive: true })
  appendFileSync(installLog, `$ ${[command, ...args].join(' ')}\n`)
  const log = createWriteStream(installLog, { flags: 'a' })
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs }),
    })
    let output = ''
    let tail = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer | string) => {
        log.write(data)
        tail = (tail + data.toString()).slice(-TAIL_BYTES)
      })
    }
    child.once('error', reject)
    child.once('close', (code, signal) => {
      log.end()
      if (code === 0) resolve(output)
      else reject(new Error(`${command} ${args[0] ?? ''} ended with ${signal ?? code}:\n${tail.trim()}`))
    })
  })
}

/** Whether a program is on the PATH. */
export function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, name)))
}

/** Throws unless the program is on the PATH, saying what it is needed for. */
export function needProgram(name: string, what: string): void {
  if (!hasProgram(name)) throw new Error(`${name} is not on the PATH: it is needed for ${what}`)
}

/** Installs Debian packages; none of their services is started. */
export async function aptInstall(...packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error(`not root, so cannot apt-get install ${packages.join(' ')}`)
  needProgram('apt-get', `installing ${packages.join(' ')}`)
  const madePolicy = !existsSync(POLICY)
  if (madePolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await runProgram('apt-get', ['update', '-qq'])
    const flags = ['-y', '-qq', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold']
    await runProgram('apt-get', ['install', ...flags, ...packages], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
  } finally {
    if (madePolicy) rmSync(POLICY, { force: true })
  }
}
