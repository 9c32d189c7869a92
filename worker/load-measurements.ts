// What the lanes tell about their load and their splits' backlogs, as rates over the last half minute: what a heartbeat
// says about each lane and split, for the operator to decide by how many workers a job needs. Pure state: time comes with
// each call, by the worker's monotonic clock.
import type { HeldSplit, LaneLoadReport } from '#api/heartbeat.ts'
import type { FromLane } from './lane-protocol.ts'

type LoadMessage = Extract<FromLane, { kind: 'load' }>
type BacklogMessage = Extract<FromLane, { kind: 'backlog' }>
type SplitMeasured = NonNullable<HeldSplit['measured']>

interface Looked<Message> {
  message: Message
  atMs: number
}

/** So many looks make up the half minute. */
const windowLooks = 2
/** In its first seconds a session opens its connections and waits for the first commit. */
const warmUpMs = 10_000

export class LoadMeasurements {
  readonly #lanes = new Map<number, Looked<LoadMessage>[]>()
  readonly #splits = new Map<string, { lane: number; looks: Looked<BacklogMessage>[] }>()

  fold(lane: number, message: FromLane, nowMs: number): void {
    if (message.kind === 'load')
      this.#lanes.set(lane, continued(this.#lanes.get(lane), { message, atMs: nowMs }, windowLooks))
    else if (message.kind === 'backlog') {
      const looks = this.#splits.get(message.split)?.looks
      // A rate lies between two looks.
      this.#splits.set(message.split, {
        lane,
        looks: continued(looks, { message, atMs: nowMs }, windowLooks + 1),
      })
    } else if (message.kind === 'finished' || message.kind === 'failed' || message.kind === 'drained') {
      this.#lanes.delete(lane)
    }
  }

  /** Forgets splits that are not read here any more. */
  keep(splits: ReadonlySet<string>): void {
    for (const id of this.#splits.keys()) if (!splits.has(id)) this.#splits.delete(id)
  }

  /** @param waitedShare part of the time that readers waited for a limit of the source */
  lanes(nowMs: number, waitedShare: number): LaneLoadReport[] {
    return [...this.#lanes].map(([lane, looks]) => {
      const overMs = sum(looks, ({ overMs: each }) => each)
      const share = (of: (message: LoadMessage) => number): number =>
        sum(looks, message => of(message) * message.overMs) / overMs
      const blockedShare = Math.min(
        1,
        Math.max(
          waitedShare,
          share(message => message.blockedShare),
        ),
      )
      const { atMs, message } = looks.at(-1)!
      return {
        lane,
        ageMs: Math.max(0, Math.round(nowMs - atMs)),
        processedPerSecond: (sum(looks, ({ rows }) => rows) * 1000) / overMs,
        busyShare: Math.min(
          share(({ busyShare }) => busyShare),
          1 - blockedShare,
        ),
        blockedShare,
        settled: looks.length === windowLooks && atMs - overMs - message.sinceMs >= warmUpMs,
      }
    })
  }

  /** Of a split; null while it was not looked at twice. @param lagMs age of its oldest change not in the target */
  split(id: string, nowMs: number, lagMs: number | null): { lane: number; measured: SplitMeasured } | null {
    const { lane, looks } = this.#splits.get(id) ?? { lane: 0, looks: [] }
    const [first, last] = [looks[0], looks.at(-1)]
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null
    const perSecond = (of: (message: BacklogMessage) => number): number =>
      (Math.max(0, of(last.message) - of(first.message)) * 1000) / (last.atMs - first.atMs)
    const processedPerSecond = perSecond(({ committedRows }) => committedRows)
    const isCounted = last.message.unit === 'records'
    const measured = {
      ageMs: Math.max(0, Math.round(nowMs - last.atMs)),
      processedPerSecond,
      // A log that is measured in bytes tells no records: what it lags by is as much as is read in that time.
      inputPerSecond: isCounted ? perSecond(arrived) : processedPerSecond,
      lagRecords: isCounted ? last.message.amount : Math.round((processedPerSecond * (lagMs ?? 0)) / 1000),
    }
    return { lane, measured }
  }
}

/** All that the split had at that time, less what it had when the session began. */
function arrived({ amount, committedRows }: BacklogMessage): number {
  return amount + committedRows
}

/** The last looks of one session. */
function continued<Message extends LoadMessage | BacklogMessage>(
  looks: readonly Looked<Message>[] = [],
  look: Looked<Message>,
  kept: number,
): Looked<Message>[] {
  const isSame = looks.at(-1)?.message.sinceMs === look.message.sinceMs
  return [...(isSame ? looks : []), look].slice(-kept)
}

function sum(looks: readonly Looked<LoadMessage>[], of: (message: LoadMessage) => number): number {
  return looks.reduce((total, { message }) => total + of(message), 0)
}
