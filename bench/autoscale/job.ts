// A job that is only counted: splits with their queues, pods that take their time to start, lanes that read what their
// splits have. Splits are dealt by the assignment the workers use; a split that moves stands still while it is handed over,
// all others go on. Everything random is drawn from the seed.
import { assignSplits } from '#master/assign.ts'
import type { Measurements, Running, Size } from '#master/autoscale/model.ts'
import type { Arrivals } from './arrivals.ts'
import { Gauges } from './gauges.ts'
import { Queues } from './queues.ts'
import type { Day } from './traces.ts'

export const splitCount = 64
export const stepS = 5
export const reportS = 15
const startUpS = [20, 60] as const
const podSpeed = [0.95, 1.05] as const
const handOverS = [8, 18] as const
/** The runtime deals anew by itself where a lane has so much more than it would get; the same for every policy. */
const unbalancedRatio = 1.15
const dealEveryS = 300
/** Backlog counts for the assignment as if it had to be read in this time. */
const backlogOverS = 60

interface Pod {
  id: number
  readyAtS: number
  speed: number
}

interface Lane {
  id: string
  /** Records/s on a lane of speed 1 times this. */
  speed: number
  splits: number[]
  /** Records of its splits that are not being handed over. */
  waiting: number
  /** What of a step its fixed work takes. */
  fixedS: number
}

/** Records that a lane can read in a step, of those that wait. */
function mostOf({ waiting, speed, fixedS }: Lane, capacity: number): number {
  return Math.min(waiting, capacity * speed * (1 - fixedS / stepS))
}

export class SimulatedJob {
  readonly #day: Day
  readonly #random: () => number
  readonly #queues: Queues
  readonly #gauges: Gauges
  readonly #pausedUntilS = new Float64Array(splitCount)
  #lanesPerPod: number
  #pods: Pod[] = []
  #podsMade = 0
  /** Pods were asked for; splits move to them once all are there. */
  #joining = false
  #dealtAtS = 0
  #lanes: Lane[] = []
  #nowS = 0
  #reports: Measurements = { splits: [], lanes: [] }
  rescales = 0
  replicaSeconds = 0

  constructor(day: Day, arrivals: Arrivals, size: Size, random: () => number) {
    this.#day = day
    this.#random = random
    this.#queues = new Queues(arrivals)
    this.#gauges = new Gauges(splitCount, reportS, random)
    this.#lanesPerPod = size.lanes
    for (let pod = 0; pod < size.replicas; pod++) this.#pods.push(this.#newPod(0))
    this.#deal(0)
  }

  get measurements(): Measurements {
    return this.#reports
  }

  get running(): Running {
    const readyReplicas = this.#pods.filter(({ readyAtS }) => readyAtS <= this.#nowS).length
    return { replicas: this.#pods.length, lanes: this.#lanesPerPod, readyReplicas }
  }

  /** Age of the oldest record that is not processed. */
  get worstLagS(): number {
    return this.#queues.worstLagS()
  }

  resize({ replicas, lanes }: Size): void {
    const before = this.#pods.length
    if (replicas === before && lanes === this.#lanesPerPod) return
    this.rescales++
    const lanesChange = lanes !== this.#lanesPerPod
    this.#lanesPerPod = lanes
    while (this.#pods.length < replicas)
      this.#pods.push(this.#newPod(this.#between(this.#day.startUpS ?? startUpS)))
    if (replicas > before) this.#joining = true
    // Those that still start go first.
    const byAge = this.#pods.toSorted((a, b) => a.readyAtS - b.readyAtS || a.id - b.id)
    const gone = new Set(byAge.slice(replicas).map(({ id }) => id))
    this.#pods = this.#pods.filter(({ id }) => !gone.has(id))
    const moved = this.#lanes.some(({ id }) => gone.has(Number(id.split('/')[0])))
    if (moved || lanesChange) this.#deal(this.#nowS)
  }

  step(): void {
    this.#nowS += stepS
    const nowS = this.#nowS
    if (this.#joining && this.#pods.every(({ readyAtS }) => readyAtS <= nowS)) {
      this.#joining = false
      this.#deal(nowS)
    }
    const arrived = this.#queues.arrive()
    this.#process(nowS, arrived)
    this.replicaSeconds += stepS * this.#pods.length
    if (nowS % reportS === 0) this.#report(nowS)
    if (nowS % 60 === 0 && nowS - this.#dealtAtS >= dealEveryS && this.#isUnbalanced()) this.#deal(nowS)
  }

  #process(nowS: number, arrived: Float32Array): void {
    const capacity = this.#laneCapacity() * stepS
    let wanted = 0
    for (const [at, lane] of this.#lanes.entries()) {
      lane.waiting = 0
      lane.fixedS = this.#fixedS(at)
      for (const split of lane.splits)
        if (this.#pausedUntilS[split]! <= nowS) lane.waiting += this.#queues.backlog[split]!
      wanted += mostOf(lane, capacity)
    }
    const cap = (this.#day.targetCap?.(nowS) ?? Infinity) * stepS
    const granted = wanted > cap ? cap / wanted : 1
    for (const lane of this.#lanes) {
      const { id, splits, speed, waiting, fixedS } = lane
      const most = mostOf(lane, capacity)
      const busyS = (stepS * most) / (capacity * speed)
      const workedS = this.#day.capUnseen === true ? busyS : busyS * granted
      this.#gauges.lane(id, most * granted, fixedS + workedS, busyS - workedS)
      const share = waiting === 0 ? 0 : (most * granted) / waiting
      for (const split of splits) {
        const processed = this.#pausedUntilS[split]! <= nowS ? this.#queues.backlog[split]! * share : 0
        this.#queues.take(split, processed)
        this.#gauges.split(split, arrived[split]!, processed)
      }
    }
  }

  #report(nowS: number): void {
    const holders: string[] = []
    for (const { id, splits } of this.#lanes) for (const split of splits) holders[split] = id
    const states = Array.from({ length: splitCount }, (_, split) => ({
      lane: this.#pausedUntilS[split]! > nowS ? null : holders[split]!,
      backlog: this.#queues.backlog[split]!,
      lagS: this.#queues.lagS(split),
    }))
    const reports = this.#gauges.report(states, nowS)
    if (this.#day.blind?.(nowS) !== true) this.#reports = reports
  }

  /** Deals the splits over the pods that are ready. */
  #deal(nowS: number): void {
    this.#dealtAtS = nowS
    const before = new Map(this.#lanes.map(lane => [lane.id, lane]))
    const ready = this.#pods.filter(({ readyAtS }) => readyAtS <= nowS)
    const lanes = ready.flatMap(({ id, speed }) =>
      Array.from({ length: this.#lanesPerPod }, (_, lane): Lane => ({
        id: `${id}/${lane}`,
        speed,
        splits: [],
        waiting: 0,
        fixedS: 0,
      })),
    )
    const current = new Map(
      lanes.flatMap(({ id }, at) =>
        (before.get(id)?.splits ?? []).map(split => [String(split), at] as const),
      ),
    )
    const changed = new Set<string>()
    for (const [at, splits] of this.#assigned(lanes.length, current).entries()) {
      const lane = lanes[at]!
      lane.splits = splits
      const moved = splits.filter(split => current.get(String(split)) !== at)
      for (const split of moved) this.#pausedUntilS[split] = nowS === 0 ? 0 : nowS + this.#between(handOverS)
      if (moved.length > 0 || (before.get(lane.id)?.splits.length ?? 0) !== splits.length)
        changed.add(lane.id)
    }
    this.#lanes = lanes
    this.#gauges.dealt(
      lanes.map(({ id }) => id),
      changed,
      nowS,
    )
  }

  #assigned(lanes: number, current: ReadonlyMap<string, number>): number[][] {
    const weights = this.#weights()
    const splits = Array.from(weights, (weight, at) => ({
      id: String(at),
      tables: [],
      bounded: false,
      stage: 0,
      weight,
    }))
    return assignSplits(splits, lanes, current).map(lane => lane.map(({ id }) => Number(id)))
  }

  /** A split takes one lane at most, however much it has: else it would look as if all others together weighed nothing. */
  #weights(): Float64Array {
    const most = this.#laneCapacity()
    return this.#gauges
      .inputRates()
      .map((rate, split) => Math.min(most, Math.max(1, rate + this.#queues.backlog[split]! / backlogOverS)))
  }

  #laneCapacity(): number {
    return this.#day.laneCapacity?.(this.#nowS) ?? 1000
  }

  /** Of a lane in this step; one lane after the other does the table services. */
  #fixedS(at: number): number {
    const { fixedWork } = this.#day
    if (fixedWork === undefined) return 0
    const { share, serviceEveryS, serviceS } = fixedWork
    const turn = Math.floor(this.#nowS / serviceEveryS)
    const serves = turn % this.#lanes.length === at && this.#nowS % serviceEveryS < serviceS
    return serves ? stepS : stepS * share
  }

  #isUnbalanced(): boolean {
    const weights = this.#weights()
    const most = (lanes: readonly (readonly number[])[]): number =>
      Math.max(...lanes.map(splits => splits.reduce((sum, split) => sum + weights[split]!, 0)))
    const anew = this.#assigned(this.#lanes.length, new Map())
    return most(this.#lanes.map(({ splits }) => splits)) > unbalancedRatio * most(anew)
  }

  #newPod(startsInS: number): Pod {
    return {
      id: this.#podsMade++,
      readyAtS: this.#nowS + startsInS,
      speed: this.#between(this.#day.podSpeed ?? podSpeed),
    }
  }

  #between([least, most]: readonly [number, number]): number {
    return least + this.#random() * (most - least)
  }
}
