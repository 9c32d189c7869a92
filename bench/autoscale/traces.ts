// Days in the life of a job: what arrives, what a lane can do, and what goes wrong. Each is drawn from a seed: when things
// happen, how much, and the noise.

const hour = 3600
export const daySeconds = 24 * hour

/** One day. Times in seconds, rates in records/s. */
export interface Day {
  /** Of the whole job. */
  input: (atS: number) => number
  /** Records that arrive at once. */
  bursts?: readonly { atS: number; records: number }[]
  /** Of each split, in any unit. */
  weights?: (split: number, atS: number) => number
  /** Of a lane on a pod of speed 1. */
  laneCapacity?: (atS: number) => number
  /** Most that the target takes from all workers together. */
  targetCap?: (atS: number) => number
  /** The target's limit looks like work: lanes report themselves busy rather than blocked. */
  capUnseen?: boolean
  /** No measurements arrive. */
  blind?: (atS: number) => boolean
  /** How long pods take to be ready, least and most. */
  startUpS?: readonly [number, number]
  /** Pods differ by so much. */
  podSpeed?: readonly [number, number]
  /** Work of lanes that does not depend on what comes. */
  fixedWork?: FixedWork
}

/** Commits, and table services: one lane of the job at a time reads nothing while it does them. */
export interface FixedWork {
  /** Part of each lane's time that commits take. */
  share: number
  /** How often there is work for a table service, and how long it takes. */
  serviceEveryS: number
  serviceS: number
}

export interface Trace {
  name: string
  day: (random: () => number) => Day
}

const between = (random: () => number, least: number, most: number): number =>
  least + random() * (most - least)
const within = (atS: number, fromS: number, lastsS: number): boolean => atS >= fromS && atS < fromS + lastsS
/** Low at night, high by day. */
const wave = (atS: number, phaseS: number): number =>
  0.5 - 0.5 * Math.cos((2 * Math.PI * (atS - phaseS)) / daySeconds)

function diurnal(random: () => number): (atS: number) => number {
  const phase = between(random, 0, daySeconds)
  const low = between(random, 1000, 3000)
  const high = between(random, 16_000, 22_000)
  return atS => low + (high - low) * wave(atS, phase)
}

/** So many times of the day, at random, at least an hour apart. */
function times(random: () => number, count: number): number[] {
  const slot = daySeconds / count
  return Array.from(
    { length: count },
    (_, at) => at * slot + between(random, 0, slot - Math.min(hour, slot / 2)),
  )
}

export const traces: readonly Trace[] = [
  {
    name: 'steady',
    day: random => {
      const rate = between(random, 5000, 12_000)
      return { input: () => rate }
    },
  },
  { name: 'diurnal', day: random => ({ input: diurnal(random) }) },
  {
    name: 'steps ×4',
    day: random => {
      const low = between(random, 3000, 5000)
      const edges = times(random, 8)
      return { input: atS => (edges.filter(edge => edge <= atS).length % 2 === 1 ? 4 * low : low) }
    },
  },
  {
    name: 'spikes of 3 min ×7',
    day: random => {
      const base = between(random, 2000, 3500)
      const spikes = times(random, 8)
      return { input: atS => (spikes.some(spike => within(atS, spike, 180)) ? 7 * base : base) }
    },
  },
  {
    name: 'flash crowd ×10',
    day: random => {
      const base = between(random, 1500, 2500)
      const crowds = times(random, 3)
      const crowd = (sinceS: number): number =>
        sinceS < 0 ? 0 : Math.min(1, sinceS / 300) * Math.exp(-Math.max(0, sinceS - 300) / 2400)
      return { input: atS => base * (1 + 9 * Math.max(...crowds.map(at => crowd(atS - at)))) }
    },
  },
  {
    name: 'backfill of 10 M',
    day: random => {
      const base = between(random, 3000, 5000)
      return { input: () => base, bursts: times(random, 3).map(atS => ({ atS, records: 10_000_000 })) }
    },
  },
  {
    name: 'a batch every 15 min',
    day: random => {
      const base = between(random, 2000, 4000)
      const records = between(random, 300_000, 600_000)
      const bursts = Array.from({ length: 96 }, (_, at) => ({
        atS: at * 900 + between(random, 0, 60),
        records,
      }))
      return { input: () => base, bursts }
    },
  },
  {
    name: 'on and off',
    day: random => {
      const high = between(random, 10_000, 16_000)
      const edges = times(random, 14)
      return { input: atS => (edges.filter(edge => edge <= atS).length % 2 === 1 ? high : 200) }
    },
  },
  {
    name: 'surges ×8, fixed work',
    day: random => {
      const base = between(random, 100, 150)
      const surges = times(random, 8)
      return {
        input: atS => (surges.some(surge => within(atS, surge, 480)) ? 8 * base : base),
        fixedWork: { share: 0.5, serviceEveryS: 60, serviceS: 25 },
      }
    },
  },
  {
    name: 'growth and a fall',
    day: random => {
      const high = between(random, 18_000, 24_000)
      const fall = between(random, 16, 20) * hour
      return { input: atS => (atS < fall ? 2000 + ((high - 2000) * atS) / fall : 2000) }
    },
  },
  {
    name: 'skew (Zipf 0.8)',
    day: random => {
      const input = diurnal(random)
      return { input: atS => input(atS) * 0.35, weights: split => 1 / (split + 1) ** 0.8 }
    },
  },
  {
    name: 'one hot split',
    day: random => {
      const input = diurnal(random)
      const from = between(random, 4, 16) * hour
      const hot = between(random, 1400, 1800)
      const hotAt = (atS: number): number => (within(atS, from, 3 * hour) ? hot : 0)
      const others = (atS: number): number => input(atS) * 0.5
      return {
        input: atS => others(atS) + hotAt(atS),
        weights: (split, atS) => (split === 0 ? hotAt(atS) + others(atS) / 64 : others(atS) / 64),
      }
    },
  },
  {
    name: 'target capped for 3 h',
    day: random => {
      const input = diurnal(random)
      const from = between(random, 2, 18) * hour
      return {
        input,
        targetCap: atS => (within(atS, from, 3 * hour) ? Math.max(1500, 0.8 * input(from)) : Infinity),
      }
    },
  },
  {
    name: 'target capped, unseen',
    day: random => {
      const input = diurnal(random)
      const from = between(random, 2, 18) * hour
      return {
        input,
        capUnseen: true,
        targetCap: atS => (within(atS, from, 3 * hour) ? Math.max(1500, 0.8 * input(from)) : Infinity),
      }
    },
  },
  {
    name: 'records twice as large',
    day: random => {
      const input = diurnal(random)
      const from = between(random, 2, 14) * hour
      return {
        input: atS => input(atS) * 0.6,
        laneCapacity: atS => (within(atS, from, 8 * hour) ? 500 : 1000),
      }
    },
  },
  {
    name: 'no metrics for 45 min',
    day: random => {
      const input = diurnal(random)
      const outages = times(random, 3)
      return { input, blind: atS => outages.some(at => within(atS, at, 2700)) }
    },
  },
  {
    name: 'slow start (3 to 6 min)',
    day: random => ({ input: diurnal(random), startUpS: [180, 360] }),
  },
  {
    name: 'slow pods among them',
    day: random => ({ input: diurnal(random), podSpeed: [0.6, 1] }),
  },
]
