// The master and the workers together, in a cluster where things go wrong. More seeds by hand:
// SEEDS=2000 npx mocha test/master/assignment/simulation.test.ts
import { expect } from 'chai'
import { Random } from '#test/simulation/random.ts'
import { World } from './world.ts'

const seeds = Number(process.env['SEEDS'] ?? 120)

describe('splits over workers, simulated', () => {
  const few = Array.from({ length: 10 }, (_, at) => at + 1)

  it(`are read by one worker that may be sure of it, and all of them, whatever gets lost (${seeds} seeds)`, () => {
    for (let seed = 1; seed <= seeds; seed++) atSeed(seed, () => storm(new World(new Random(seed))))
  }).timeout(600_000)

  it('are read again at most 15 s after their worker died', () => {
    for (const seed of few)
      atSeed(seed, () => {
        const world = settled(seed, { workers: 4, splits: 12 })
        world.kill(world.random.pick(world.workers))
        world.run(20_000)
        world.readers()
        expect(world.takeOverMsMax).to.be.within(1, 15_000)
        expect(world.moves, 'of others').to.equal(0)
      })
  })

  it('are read again at most 15 s after a new master came, when their worker died without one', () => {
    for (const seed of few)
      atSeed(seed, () => {
        const world = settled(seed, { workers: 4, splits: 12 })
        world.stopMaster()
        world.kill(world.random.pick(world.workers))
        world.run(world.random.between(1_000, 100_000))
        const sinceMs = world.nowMs
        world.startMaster(false)
        world.run(15_000)
        world.readers()
        expect(world.nowMs - sinceMs).to.equal(15_000)
      })
  })

  it('are handed over at once by a worker that leaves, and by one whose pod is known to be gone', () => {
    for (const seed of few)
      atSeed(seed, () => {
        const world = settled(seed, { workers: 3, splits: 9 })
        const [leaving, gone] = world.workers
        leaving!.leave()
        world.remove(gone!)
        world.run(8_500)
        expect([...new Set(world.readers().values())]).to.deep.equal([world.workers.at(-1)!.name])
      })
  })

  it('stay where they are while the master is away for an hour and more', () => {
    const world = settled(1, { workers: 4, splits: 12 })
    const before = world.readers()
    world.stopMaster()
    for (let minute = 0; minute < 70; minute++) {
      world.run(60_000)
      expect(world.readers()).to.deep.equal(before)
    }
  })

  it('stay where they are when masters change, and while one stands still', () => {
    for (const seed of few)
      atSeed(seed, () => {
        const world = settled(seed, { workers: 5, splits: 20 })
        const before = world.readers()
        world.network = { loss: 0.1, disorder: 0.05 }
        for (let change = 0; change < 3; change++) {
          world.stopMaster()
          unchangedFor(world, before, world.random.between(0, 30_000))
          world.startMaster(world.random.chance(0.5))
          unchangedFor(world, before, world.random.between(1_000, 60_000))
          world.masterPausedUntilMs = world.nowMs + world.random.between(1_000, 60_000)
          unchangedFor(world, before, 70_000)
        }
      })
  })

  it('move no more often than a worker that joins needs for its share', () => {
    for (const seed of few)
      atSeed(seed, () => {
        const world = settled(seed, { workers: 2, splits: 10 + seed })
        const before = world.moves
        let allowed = 0
        for (let event = 0; event < 10; event++) {
          if (world.workers.length < 3 || world.random.chance(0.5)) {
            world.addWorker()
            allowed += Math.ceil(world.splits.size / world.workers.length)
          } else world.kill(world.random.pick(world.workers))
          world.run(40_000)
          world.readers()
          expect(world.moves - before).to.be.at.most(allowed)
        }
      })
  })

  it('are read by two at once only until the one that was taken for dead commits or hears of it', () => {
    for (const seed of few)
      atSeed(seed, () => {
        const world = settled(seed, { workers: 3, splits: 9 })
        const { random, nowMs } = world
        const [paused, cutOff] = world.workers
        paused!.pausedUntilMs = nowMs + random.between(12_000, 40_000)
        cutOff!.cutOffUntilMs = nowMs + random.between(12_000, 60_000)
        world.run(100_000)
        world.readers()
        expect(world.overlapMsMax).to.be.within(1, 30_000)
      })
  })
})

/** A job whose splits are spread over its workers; nothing is lost so far. */
function settled(seed: number, { workers, splits }: { workers: number; splits: number }): World {
  const world = new World(new Random(seed))
  for (let at = 0; at < splits; at++) world.addSplit({ id: `s${at}` })
  world.startMaster(true)
  for (let at = 0; at < workers; at++) world.addWorker()
  world.run(30_000)
  world.readers()
  world.moves = 0
  world.takeOverMsMax = 0
  world.overlapMsMax = 0
  return world
}

function unchangedFor(world: World, readers: Map<string, string>, ms: number): void {
  for (const endMs = world.nowMs + ms; world.nowMs < endMs; world.run(1_000))
    expect(world.readers()).to.deep.equal(readers)
}

function atSeed(seed: number, run: () => void): void {
  try {
    run()
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}

function storm(world: World): void {
  const { random } = world
  world.network = { loss: random.pick([0, 0.05, 0.3]), disorder: random.pick([0, 0.1]) }
  const splits = random.between(1, 20)
  for (let at = 0; at < splits; at++) world.addSplit(randomSplit(random, `s${at}`))
  world.startMaster(random.chance(0.5))
  for (let at = random.between(1, 6); at > 0; at--) world.addWorker()
  for (let events = random.between(3, 15); events > 0; events--) {
    world.run(random.between(500, 25_000))
    happen(world)
  }
  world.network = { loss: 0, disorder: 0 }
  if (world.master === null) world.startMaster(true)
  if (world.workers.every(({ isLeaving }) => isLeaving)) world.addWorker()
  for (const id of ['end-1', 'end-2']) world.addSplit({ id })
  world.run(90_000)
  expectEven(world)
}

function happen(world: World): void {
  const { random, nowMs } = world
  const always = [
    () => void world.addWorker(undefined, random.between(1, 3)),
    () => void (world.masterPausedUntilMs = nowMs + random.between(1_000, 40_000)),
    () => (world.master ? world.stopMaster() : world.startMaster(random.chance(0.5))),
    () => {
      world.addSplit(randomSplit(random, `s${nowMs}`))
      if (random.chance(0.3)) world.splits.delete(random.pick([...world.splits.keys()]))
    },
  ]
  if (world.workers.length === 0) return random.pick(always)()
  const worker = random.pick(world.workers)
  const toWorkers = [
    () => world.kill(worker),
    () => world.remove(worker),
    () => worker.leave(),
    () => void (worker.pausedUntilMs = nowMs + random.between(1_000, 40_000)),
    () => void (worker.cutOffUntilMs = nowMs + random.between(1_000, 40_000)),
    () => {
      // The container starts anew, as another process of the same pod.
      world.kill(worker)
      world.addWorker(worker.name, worker.capacity)
    },
  ]
  random.pick([...always, ...toWorkers])()
}

function randomSplit(random: Random, id: string) {
  return { id, bounded: random.chance(0.3), weight: random.pick([1, 1, 1, 5]) }
}

/** Of no two workers whose loads differ by more than a tenth would a move make the more loaded one lighter. */
function expectEven(world: World): void {
  const readers = world.readers()
  const carried = (name: string) => [...world.splits.values()].filter(({ id }) => readers.get(id) === name)
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
  const weight = (name: string) => sum(carried(name).map(split => split.weight))
  const average =
    sum(world.workers.map(({ name }) => weight(name))) / sum(world.workers.map(({ capacity }) => capacity))
  for (const from of world.workers)
    for (const to of world.workers)
      for (const split of carried(from.name)) {
        const now = weight(from.name) / from.capacity
        const then = (weight(to.name) + split.weight) / to.capacity
        const gap = now - weight(to.name) / to.capacity
        if (from === to || gap <= average * 0.1 + 1e-6) continue
        expect(then, `${split.id} from ${from.name} to ${to.name}`).to.be.at.least(now - 1e-6)
      }
}
