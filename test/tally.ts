/** Counts of tests, as test/tally-reporter.ts writes them: one JSON line for each run of mocha. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** The sum of all lines of a tally file; undefined when nothing was written. */
export function readTally(path: string): Tally | undefined {
  if (!existsSync(path)) return undefined
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  if (lines.length === 0) return undefined
  return lines.map(line => JSON.parse(line) as Tally).reduce(addTally)
}

export function addTally(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

export function appendTally(path: string, tally: Tally): void {
  appendFileSync(path, `${JSON.stringify(tally)}\n`)
}

export function tallyText({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
