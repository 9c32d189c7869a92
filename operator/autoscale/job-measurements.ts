// What the workers of one job measured, put together from their heartbeats: what the autoscaler decides by. A split that
// moves keeps what was measured of it last. Times are the operator's: a heartbeat says how old each measurement is.
import type { Heartbeat } from '#api/heartbeat.ts'
import type { LaneMeasurement, Measurements, SplitMeasurement } from '#master/autoscale/model.ts'

interface Known {
  split: SplitMeasurement
  /** Whose heartbeat names it. */
  worker: string
}

export interface Backfill {
  /** Bounded splits that are not read to their end. */
  ranges: number
  /** When there were some first. */
  sinceMs: number
}

/** Longer not measured, and a split is taken for one that there is no more. */
const forgottenMs = 600_000

export class JobMeasurements {
  readonly #splits = new Map<string, Known>()
  readonly #lanes = new Map<string, LaneMeasurement[]>()
  #backfill: Backfill | null = null

  heard({ worker, held, lanes = [], planned }: Heartbeat, nowMs: number): void {
    this.#leftBy(worker)
    if (planned !== null) this.#planned(planned, nowMs)
    for (const { id, lane, measured, lagMs, draining } of held) {
      const before = this.#splits.get(id)?.split
      if (lane === undefined || measured === undefined) {
        // Its new reader has not measured it yet.
        if (before !== undefined) this.#splits.set(id, { split: { ...before, lane: null }, worker })
        continue
      }
      const { ageMs, ...rates } = measured
      const split: SplitMeasurement = {
        ...rates,
        id,
        lane: draining ? null : laneId(worker, lane),
        measuredAtMs: nowMs - ageMs,
        lagMs: lagMs ?? before?.lagMs ?? 0,
      }
      this.#splits.set(id, { split, worker })
    }
    this.#lanes.set(
      worker,
      lanes.map(({ lane, ageMs, ...load }) => ({
        ...load,
        id: laneId(worker, lane),
        measuredAtMs: nowMs - ageMs,
      })),
    )
  }

  /** The snapshot that is copied now; null: there is none. */
  get backfill(): Backfill | null {
    return this.#backfill
  }

  workerGone(worker: string): void {
    this.#leftBy(worker)
    this.#lanes.delete(worker)
  }

  at(nowMs: number): Measurements {
    for (const [id, { split }] of this.#splits)
      if (split.measuredAtMs < nowMs - forgottenMs) this.#splits.delete(id)
    return {
      splits: [...this.#splits.values()].map(({ split }) => split),
      lanes: [...this.#lanes.values()].flat(),
    }
  }

  #planned(splits: NonNullable<Heartbeat['planned']>, nowMs: number): void {
    const ranges = splits.filter(({ bounded }) => bounded).length
    this.#backfill = ranges === 0 ? null : { ranges, sinceMs: this.#backfill?.sinceMs ?? nowMs }
  }

  #leftBy(worker: string): void {
    for (const known of this.#splits.values())
      if (known.worker === worker) known.split = { ...known.split, lane: null }
  }
}

function laneId(worker: string, lane: number): string {
  return `${worker}/${lane}`
}
