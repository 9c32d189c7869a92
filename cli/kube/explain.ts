// `kubectl sluice explain JOB`: what the operator does with the job, and why.
import { parseArgs } from 'node:util'
import { explainJob } from './explanation.ts'
import { findJob, oneJobName } from './find-job.ts'
import { readJobFacts } from './job-facts.ts'
import { clusterOptions } from './session.ts'
import type { Open } from './session.ts'

export async function run(argv: string[], open: Open): Promise<number> {
  const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: clusterOptions })
  const name = oneJobName(positionals)
  const session = await open(values)
  const facts = await readJobFacts(session, await findJob(session, name))
  await session.write(`${explainJob(facts).join('\n')}\n`)
  return 0
}
