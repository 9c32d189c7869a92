/**
 * Counts of tests and what failed, as test/tally-reporter.ts writes them: one JSON line for each run of mocha.
 * usage: node test/tally.ts FILE   names the failed tests of a tally file
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

export interface FailedTest {
  /** The titles of its suites and its own. */
  readonly name: string
  readonly error: string
}

export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Absent when there are none, or when a failure was no test: a crash, a time-out. */
  readonly failures?: readonly FailedTest[]
}

/** The sum of all lines of a tally file; undefined when nothing was written. */
export function readTally(path: string): Tally | undefined {
  if (!existsSync(path)) return undefined
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  if (lines.length === 0) return undefined
  return lines.map(line => JSON.parse(line) as Tally).reduce(addTally)
}

export function addTally(a: Tally, b: Tally): Tally {
  const failures = [...(a.failures ?? []), ...(b.failures ?? [])]
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    ...(failures.length > 0 && { failures }),
  }
}

export function appendTally(path: string, tally: Tally): void {
  appendFileSync(path, `${JSON.stringify(tally)}\n`)
}

export function tallyText({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** The failed tests, for the end of a log of which often only the end is kept. */
export function failuresText({ failures = [] }: Tally): string {
  return failures
    .map(({ name, error }) => `FAILED  ${name}\n${error.replaceAll(/^/gm, '        ')}\n`)
    .join('')
}

if (import.meta.main) {
  const tally = readTally(process.argv[2]!)
  if (tally !== undefined) process.stdout.write(failuresText(tally))
}
