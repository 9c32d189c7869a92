/**
 * Mocha's spec reporter that also writes down what it counted: one JSON line of {passed, failed, skipped}, appended to
 * the file that SLUICE_TALLY names. test/run-suite.ts and .ci/run add these lines up instead of reading printed text.
 * Tests that have ended but keep the process alive have left something open: it is named and the process ends with
 * an error, where mocha alone would wait for ever.
 */
import mocha from 'mocha'
import { appendFileSync } from 'node:fs'

const LINGER_MS_MAX = 15_000

export default class TallyReporter extends mocha.reporters.Spec {
  constructor(runner: mocha.Runner, options: mocha.MochaOptions) {
    super(runner, options)
    runner.once(mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats
      const path = process.env['SLUICE_TALLY']
      if (path !== undefined)
        appendFileSync(path, `${JSON.stringify({ passed: passes, failed: failures, skipped: pending })}\n`)
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
