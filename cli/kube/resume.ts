// `kubectl sluice resume JOB`: starts the workers again, from where the job was.
import type { Open } from './session.ts'
import { setSuspended } from './suspension.ts'

export async function run(argv: string[], open: Open): Promise<number> {
  return setSuspended(argv, open, false)
}
