// `kubectl sluice pause JOB`: stops the workers; the job keeps its positions.
import type { Open } from './session.ts'
import { setSuspended } from './suspension.ts'

export async function run(argv: string[], open: Open): Promise<number> {
  return setSuspended(argv, open, true)
}
