/**
 * Says which servers a suite needs. Call it first in a `describe`: the servers are installed when they are missing.
 * Where one cannot be had the suite is skipped and the reason printed; with CI=true that is a failure, because there a
 * skipped suite would look like a green one.
 */
import { ensureInstalled } from './install.ts'
import type { ComponentName } from './components.ts'

const INSTALL_TIMEOUT_MS = 45 * 60_000

export function requires(...names: readonly ComponentName[]): void {
  before(`needs ${names.join(', ')}`, async function () {
    this.timeout(INSTALL_TIMEOUT_MS)
    for (const name of names) {
      try {
        await ensureInstalled(name)
      } catch (error) {
        if (process.env['CI'] === 'true') throw error
        const reason = error instanceof Error ? error.message : String(error)
        console.error(`\n!!! SKIPPED: ${name} cannot be had here: ${reason}\n`)
        this.skip()
      }
    }
  })
}
