/**
 * A lock between processes of this machine: a file that holds the process id of its owner. A lock whose owner has died
 * is free, so a killed test run blocks nobody.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { isAlive } from '#scripts/server-process.ts'

const POLL_INTERVAL_MS = 500

/** Waits for the lock and takes it; the result gives it back. Rejects after `timeoutMs`, naming the owner. */
export async function takeLock(path: string, timeoutMs: number): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true })
  const deadline = performance.now() + timeoutMs
  while (!tryLock(path)) {
    const owner = ownerOf(path)
    if (owner !== undefined && !isAlive(owner)) rmSync(path, { force: true })
    else if (performance.now() > deadline) throw new Error(`process ${owner} holds ${path}`)
    else await sleep(POLL_INTERVAL_MS)
  }
  return () => {
    if (ownerOf(path) === process.pid) rmSync(path)
  }
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Undefined while the owner is writing its id, or has just given the lock back. */
function ownerOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
