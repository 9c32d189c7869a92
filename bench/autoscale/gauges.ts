// What the simulated workers report: means over the last half minute, a little off, every 15 seconds.
import type { LaneMeasurement, Measurements, SplitMeasurement } from '#master/autoscale/model.ts'

const noise = 0.02

interface LaneWindow {
  processed: number
  busyS: number
  blockedS: number
}

const emptyWindow = (): LaneWindow => ({ processed: 0, busyS: 0, blockedS: 0 })

interface LaneGauge {
  changedAtS: number
  current: LaneWindow
  last: LaneWindow
}

export interface SplitState {
  lane: string | null
  backlog: number
  lagS: number
}

export class Gauges {
  readonly #random: () => number
  readonly #reportS: number
  readonly #input: [Float64Array, Float64Array]
  readonly #processed: [Float64Array, Float64Array]
  #lanes = new Map<string, LaneGauge>()

  constructor(splits: number, reportS: number, random: () => number) {
    this.#random = random
    this.#reportS = reportS
    this.#input = [new Float64Array(splits), new Float64Array(splits)]
    this.#processed = [new Float64Array(splits), new Float64Array(splits)]
  }

  /** @param changed lanes that got or gave up splits */
  dealt(lanes: readonly string[], changed: ReadonlySet<string>, nowS: number): void {
    this.#lanes = new Map(
      lanes.map(id => {
        const known = changed.has(id) ? undefined : this.#lanes.get(id)
        return [id, known ?? { changedAtS: nowS, current: emptyWindow(), last: emptyWindow() }]
      }),
    )
  }

  split(at: number, input: number, processed: number): void {
    this.#input[0][at]! += input
    this.#processed[0][at]! += processed
  }

  lane(id: string, processed: number, busyS: number, blockedS: number): void {
    const { current } = this.#lanes.get(id)!
    current.processed += processed
    current.busyS += busyS
    current.blockedS += blockedS
  }

  /** Records/s of each split over the last two windows. */
  inputRates(): Float64Array {
    return this.#input[0].map((sum, at) => (sum + this.#input[1][at]!) / (2 * this.#reportS))
  }

  report(splits: readonly SplitState[], nowS: number): Measurements {
    const overS = 2 * this.#reportS
    const measuredAtMs = nowS * 1000
    const report = {
      splits: splits.map(({ lane, backlog, lagS }, at): SplitMeasurement => ({
        id: `s${at}`,
        lane,
        measuredAtMs,
        inputPerSecond: this.#about((this.#input[0][at]! + this.#input[1][at]!) / overS),
        processedPerSecond: this.#about((this.#processed[0][at]! + this.#processed[1][at]!) / overS),
        lagRecords: Math.round(backlog),
        lagMs: lagS * 1000,
      })),
      lanes: [...this.#lanes].map(([id, { changedAtS, current, last }]): LaneMeasurement => ({
        id,
        measuredAtMs,
        processedPerSecond: this.#about((current.processed + last.processed) / overS),
        busyShare: Math.min(1, this.#about((current.busyS + last.busyS) / overS)),
        blockedShare: Math.min(1, this.#about((current.blockedS + last.blockedS) / overS)),
        settled: nowS - changedAtS >= overS + this.#reportS,
      })),
    }
    this.#turn()
    return report
  }

  #turn(): void {
    for (const windows of [this.#input, this.#processed]) {
      windows.reverse()
      windows[0].fill(0)
    }
    for (const gauge of this.#lanes.values()) {
      gauge.last = gauge.current
      gauge.current = emptyWindow()
    }
  }

  #about(value: number): number {
    return value * (1 + noise * (2 * this.#random() - 1))
  }
}
