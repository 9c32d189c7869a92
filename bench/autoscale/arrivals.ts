// What arrives in each split over a day, drawn once: every policy gets the same.
import type { Day } from './traces.ts'
import { daySeconds } from './traces.ts'

/** Of the rate of a split, and of the whole job: standard deviations of noise that lasts about a minute. */
const splitNoise = 0.1
const jobNoise = 0.03
const noiseMemoryS = 60

export class Arrivals {
  readonly splits: number
  readonly stepS: number
  /** Records, by step and split. */
  readonly #records: Float32Array

  constructor(day: Day, { splits, stepS }: { splits: number; stepS: number }, random: () => number) {
    this.splits = splits
    this.stepS = stepS
    this.#records = new Float32Array((daySeconds / stepS + 1) * splits)
    const ofJob = new Noise(jobNoise, stepS, random)
    const ofSplits = Array.from({ length: splits }, () => new Noise(splitNoise, stepS, random))
    for (let step = 1; step <= daySeconds / stepS; step++) {
      const atS = step * stepS
      const inStep = day.input(atS) * stepS * (1 + ofJob.next())
      const burst = burstWithin(day, atS - stepS, atS)
      const weights = ofSplits.map((_, split) => day.weights?.(split, atS) ?? 1)
      const whole = weights.reduce((sum, weight) => sum + weight, 0)
      for (const [split, noise] of ofSplits.entries()) {
        const share = weights[split]! / whole
        this.#records[step * splits + split] =
          Math.max(0, inStep * share * (1 + noise.next())) + burst * share
      }
    }
  }

  /** Of one step, the first of which is 1. */
  at(step: number): Float32Array {
    return this.#records.subarray(step * this.splits, (step + 1) * this.splits)
  }
}

function burstWithin({ bursts = [] }: Day, fromS: number, toS: number): number {
  return bursts.reduce((sum, { atS, records }) => sum + (atS > fromS && atS <= toS ? records : 0), 0)
}

/** Noise that remembers: each value is near the one before. */
class Noise {
  readonly #kept: number
  readonly #fresh: number
  readonly #random: () => number
  #value = 0

  constructor(deviation: number, stepS: number, random: () => number) {
    this.#kept = Math.exp(-stepS / noiseMemoryS)
    this.#fresh = deviation * Math.sqrt(1 - this.#kept ** 2)
    this.#random = random
  }

  next(): number {
    // The sum of four uniform numbers is near enough to normal.
    const sum = this.#random() + this.#random() + this.#random() + this.#random()
    this.#value = this.#value * this.#kept + this.#fresh * (sum - 2) * Math.sqrt(3)
    return this.#value
  }
}
