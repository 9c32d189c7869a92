/**
 * Installs the servers of the test bed.  usage: node test/bed/install.ts [postgres kafka minio hudi kubernetes kwok]
 * All that tests need, unless named. Two processes never install at once: the second waits, and then finds it done.
 */
import { join } from 'node:path'

import { cacheDir } from './cache.ts'
import { type ComponentName, components } from './components.ts'
import { takeLock } from './lock.ts'
import { installLog } from './run-program.ts'

const LOCK_TIMEOUT_MS = 60 * 60_000
const lockFile = join(cacheDir, 'install.lock')

/** Installs what is missing. Rejects with the reason when a component cannot be had here. */
export async function ensureInstalled(name: ComponentName): Promise<void> {
  const component = components[name]
  if (component.isInstalled()) return
  const giveBack = await takeLock(lockFile, LOCK_TIMEOUT_MS)
  try {
    if (component.isInstalled()) return
    console.error(`test bed: installing ${name} into ${cacheDir} (log: ${installLog})`)
    const start = performance.now()
    await component.install()
    if (!component.isInstalled()) throw new Error('the installation ended, but something is still missing')
    console.error(`test bed: installed ${name} in ${Math.round((performance.now() - start) / 1000)} s`)
  } finally {
    giveBack()
  }
}

function isComponentName(name: string): name is ComponentName {
  return name in components
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter(name => !isComponentName(name))
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(' ')}; known: ${Object.keys(components).join(' ')}`)
    process.exitCode = 2
    return
  }
  const forTests = Object.entries(components).flatMap(([name, { isForBench }]) => (isForBench ? [] : name))
  const wanted = names.length > 0 ? names : forTests
  let failures = 0
  for (const name of wanted.filter(isComponentName)) {
    try {
      await ensureInstalled(name)
      console.log(`${name}: ready`)
    } catch (error) {
      failures++
      console.error(`${name}: NOT INSTALLED: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (failures > 0) process.exitCode = 1
}

if (import.meta.main) void main(process.argv.slice(2))
