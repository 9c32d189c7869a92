// Source and target as the main thread of a worker looks at them: opened when they are first needed, and closed when what
// they hold open at the source is of no more use.
import type { Plan } from '#api/plan.ts'
import type { Clock } from '#common/clock.ts'
import type { Logger } from '#common/logger.ts'
import type { ConnectionPermits } from '#connectors/read-pace.ts'
import { orLeftBehind } from './left-behind.ts'
import { openSource, openTarget, preload } from './open-connectors.ts'
import type { SecretLocations } from './secrets.ts'
import { TablePlanner } from './table-plan.ts'
import type { PlannedTables, PlanSource } from './table-plan.ts'

export interface JobEndsOptions {
  plan: Plan
  secrets: SecretLocations
  clock: Clock
  logger: Logger
  /** What is asked before each connection to the source; left out: there is no limit. */
  connections?: ConnectionPermits | undefined
}

interface OpenEnds {
  planner: TablePlanner
  /** For who does not plan: it finds the tables, and makes nothing at the source. */
  onlooker: TablePlanner
  close: () => Promise<void>
}

/** How long connections may take to be closed: with a worker's `drainDeadlineMs` less than the 30 seconds of a pod. */
const closingGraceMs = 2_000

export class JobEnds {
  readonly #options: JobEndsOptions
  #open: OpenEnds | null = null
  /** It listed the splits last time. */
  #planned = false

  constructor(options: JobEndsOptions) {
    this.#options = options
  }

  /** Tables and splits as they are now. @param plans whether this worker is the one that lists the splits */
  async look(plans: boolean, signal: AbortSignal): Promise<PlannedTables> {
    // Another plans now: a snapshot that this one still held open would only keep the source from cleaning up.
    if (!plans && this.#planned) await this.close()
    this.#planned = plans
    this.#open ??= await openEnds(this.#options)
    return (plans ? this.#open.planner : this.#open.onlooker).refresh(signal)
  }

  async close(): Promise<void> {
    const open = this.#open
    this.#open = null
    if (open === null) return
    const { clock } = this.#options
    await orLeftBehind(open.close(), { signal: AbortSignal.abort(), graceMs: closingGraceMs, clock })
  }
}

async function openEnds({ plan, secrets, clock, logger, connections }: JobEndsOptions): Promise<OpenEnds> {
  const services = { plan, secrets, clock, logger, onBadRecord: () => undefined }
  await Promise.all([preload(plan.source), preload(plan.target)])
  const source = await openSource({ ...services, connections })
  const target = await openTarget(services)
  const looked: PlanSource = {
    discover: signal => source.discover(signal),
    plan: () => Promise.resolve({ splits: [], initialPositions: new Map() }),
  }
  const { resync: _, ...onlooking } = plan
  const planner = new TablePlanner(plan, source, target)
  const onlooker = new TablePlanner(onlooking, looked, target)
  const close = async (): Promise<void> => {
    await Promise.all([planner.close(), onlooker.close()])
    await Promise.allSettled([source.close(), target.close()])
  }
  return { planner, onlooker, close }
}
