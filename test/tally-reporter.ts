/**
 * Mocha's spec reporter that also writes down what it counted, and what failed: one JSON line (tally.ts), appended to the
 * file that SLUICE_TALLY names. test/run-suite.ts and .ci/run add these lines up instead of reading printed text.
 * Tests that have ended but keep the process alive have left something open: it is named and the process ends with
 * an error, where mocha alone would wait for ever.
 */
import mocha from 'mocha'
import { inspect } from 'node:util'

import { appendTally, type FailedTest } from './tally.ts'

const LINGER_MS_MAX = 15_000
const ERROR_CHARACTERS_MAX = 3000

export default class TallyReporter extends mocha.reporters.Spec {
  constructor(runner: mocha.Runner, options: mocha.MochaOptions) {
    super(runner, options)
    const failed: FailedTest[] = []
    runner.on(mocha.Runner.constants.EVENT_TEST_FAIL, (test, error) =>
      failed.push({ name: test.fullTitle(), error: errorText(error as Assertion) }),
    )
    runner.once(mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats
      const path = process.env['SLUICE_TALLY']
      const counts = { passed: passes, failed: failures, skipped: pending }
      if (path !== undefined) appendTally(path, { ...counts, ...(failed.length > 0 && { failures: failed }) })
      setTimeout(endLingering, LINGER_MS_MAX).unref()
    })
  }
}

function endLingering(): void {
  console.error(
    `The tests have ended, but these are still open: ${process.getActiveResourcesInfo().join(', ')}`,
  )
  process.once('exit', () => (process.exitCode = 1)) // after mocha's own hook, which sets the number of failures
  process.exit()
}

interface Assertion extends Error {
  actual?: unknown
  expected?: unknown
}

/** The stack, and for two values that should be equal how they differ. */
function errorText({ message, stack, actual, expected }: Assertion): string {
  const difference =
    actual === undefined || expected === undefined ? '' : `\n${differenceOf(actual, expected)}`
  return `${stack ?? message}${difference}`.slice(0, ERROR_CHARACTERS_MAX)
}

function differenceOf(actual: unknown, expected: unknown): string {
  const [is, should] = [actual, expected].map(value =>
    typeof value === 'string' ? value : inspect(value, { depth: 5 }),
  )
  return mocha.reporters.Base.generateDiff(is!, should!).trim()
}
