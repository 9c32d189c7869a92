import { asideFolder } from '#lake/journal/placement.ts'
import { expect } from 'chai'
import { isAbort } from '#common/errors.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { pendingCompactions } from '#lake/services/pending-compactions.ts'
import type { ServiceWork } from '#lake/services/service-report.ts'
import type { ServicePolicy } from '#lake/services/table-services.ts'
import { defaultServicePolicy, TableServices } from '#lake/services/table-services.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import { readDefinition } from '#lake/table/create.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { decodeCompactionPlan, requestedCompactionPath } from '#lake/timeline/compaction-plan.ts'
import { HookedStore } from './hooked-store.ts'
import { eager, KeyedTable, notes } from './keyed-table.ts'

const policy: ServicePolicy = { ...defaultServicePolicy, compaction: eager }

describe('table services', () => {
  let table: KeyedTable
  let writer: TableWriter
  beforeEach(async () => {
    table = new KeyedTable()
    writer = await table.openWriter()
    await table.write(writer, notes(0, 40, 'first'))
    await table.write(writer, notes(0, 40, 'second'))
  })

  async function servicesOn(store: MemoryStore): Promise<TableServices> {
    const definition = (await readDefinition(table.store))!
    return new TableServices({ store, definition, clock: table.clock, writer: 'test' }, policy)
  }

  const run = async (services: TableServices, signal = new AbortController().signal): Promise<boolean> =>
    services.run(signal)

  async function logs(): Promise<number> {
    return (await TableReader.open(table.store)).slices.flatMap(slice => slice.logs).length
  }

  it('compact, and leave the table alone until the interval is over, whichever lane asks', async () => {
    const [one, other] = [await servicesOn(table.store), await servicesOn(table.store)]
    await run(one)
    expect(await logs()).to.equal(0)
    await table.write(writer, notes(0, 40, 'third'))
    await run(other)
    expect(await logs(), 'too early').to.equal(2)
    table.clock.nowAtMs += policy.intervalMs
    await run(other)
    expect(await logs()).to.equal(0)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('compact past a damaged file group, say which it is, and do not try it in every round', async () => {
    const damaged = (await TableReader.open(table.store)).slices[0]!.logs[0]!.path
    const whole = (await table.store.get(damaged))!
    await table.store.put(damaged, whole.slice(0, -9))
    const reads: string[] = []
    const counting = new Proxy(table.store, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function') return value
        return (path: unknown, ...rest: unknown[]): unknown => {
          if (name === 'get' || name === 'getRange') reads.push(String(path))
          return (value as (...args: unknown[]) => unknown).call(target, path, ...rest)
        }
      },
    })
    const services = await servicesOn(counting)
    for (let round = 0; round < 3; round++) {
      const error = await run(services).catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'LAKE_FILE_CORRUPT' })
      expect((error as Error).message).to.include(damaged)
      expect(await logs(), 'of the damaged group').to.equal(1)
      table.clock.nowAtMs += policy.intervalMs
    }
    expect(reads.filter(path => path === damaged)).to.have.length(1)

    await table.store.put(damaged, whole)
    table.clock.nowAtMs += 3_600_000
    await run(services)
    expect(await logs()).to.equal(0)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('compact a file group once in a round, however fast new logs come', async () => {
    const store = new HookedStore(table.store)
    const other = await table.openWriter('other')
    let compacted = 0
    store.beforePut = async path => {
      if (!path.startsWith(asideFolder)) return
      compacted++
      expect(compacted, 'file groups').to.be.at.most(2)
      await table.write(other, notes(0, 40, `turn ${compacted}`))
    }
    await run(await servicesOn(store))
    expect(compacted).to.equal(2)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('are one at a time, and go on when the one at it died', async () => {
    const store = new HookedStore(table.store)
    let asked = 0
    store.beforePut = async path => {
      if (!path.startsWith(asideFolder) || asked++ > 0) return
      await run(await servicesOn(table.store))
      expect(await logs(), 'somebody is at it').to.equal(2)
      store.before = () => {
        throw new Error('died')
      }
    }
    const died = await run(await servicesOn(store)).catch((error: unknown) => error)
    expect(died).to.be.instanceOf(Error)
    expect(asked).to.equal(1)
    table.clock.nowAtMs += 60_000
    await run(await servicesOn(table.store))
    expect(await logs(), 'it may only be slow').to.equal(2)
    table.clock.nowAtMs += 3_600_000
    await run(await servicesOn(table.store))
    expect(await logs()).to.equal(0)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('clean as well: a table that is written for days does not grow', async function () {
    this.timeout(20_000)
    const services = await servicesOn(table.store)
    for (let hour = 0; hour < 72; hour++) {
      table.clock.nowAtMs += 3_600_000
      await table.write(writer, [
        ...notes(hour % 30, (hour % 30) + 5, `hour ${hour}`),
        ...notes(35, 36, null),
      ])
      await run(services)
    }
    expect(await table.found()).to.deep.equal(table.expected)
    expect(await listDataFiles(table.store)).to.have.length.below(110)
  })

  it('tell of what they did', async () => {
    const done: ServiceWork[] = []
    const services = await servicesOn(table.store)
    const report = (work: ServiceWork): void => void done.push(work)
    expect(await services.run(new AbortController().signal, report)).to.equal(true)
    const [compaction, cleaning] = done
    expect(compaction).to.include({ service: 'compaction', rows: table.expected.length })
    expect(compaction!.bytesBefore).to.be.greaterThan(compaction!.bytesAfter!)
    expect(cleaning).to.include({ service: 'cleaning', filesRemoved: 0 })
    const count = done.length
    expect(await services.run(new AbortController().signal, report), 'the table rests').to.equal(false)
    expect(done).to.have.length(count)
  })

  describe('whose compactions another engine runs', () => {
    const external: ServicePolicy = { ...policy, compactionBy: 'external' }

    async function round(): Promise<void> {
      const definition = (await readDefinition(table.store))!
      const { store, clock } = table
      await new TableServices({ store, definition, clock, writer: 'test' }, external).run(
        new AbortController().signal,
      )
      clock.nowAtMs += policy.intervalMs
    }

    it('plan what is due, and no file group twice', async () => {
      await round()
      const planned = await pendingCompactions(table.store, 2)
      expect(planned.instants).to.have.length(1)
      expect(planned.groups.size).to.equal(2)
      expect(await logs()).to.equal(2)
      await table.write(writer, notes(0, 40, 'third'))
      await round()
      expect((await pendingCompactions(table.store, 2)).instants).to.deep.equal(planned.instants)
      expect(await table.found()).to.deep.equal(table.expected)
    })

    it('clean nothing that a plan needs, however long it waits', async function () {
      this.timeout(20_000)
      await round()
      const [instant] = (await pendingCompactions(table.store, 2)).instants
      for (let day = 0; day < 5; day++) {
        table.clock.nowAtMs += 24 * 3_600_000
        await table.write(writer, notes(day, day + 3, `day ${day}`))
        await round()
      }
      const plan = (await table.store.get(requestedCompactionPath(instant!)))!
      const there = (await listDataFiles(table.store)).map(({ name }) => name)
      for (const { dataFilePath, deltaFilePaths } of decodeCompactionPlan(plan).operations)
        expect(there).to.include.members([dataFilePath!, ...deltaFilePaths])
      expect(await table.found()).to.deep.equal(table.expected)
    })

    it('are left alone by lanes that would compact themselves', async () => {
      await round()
      await run(await servicesOn(table.store))
      expect(await logs()).to.equal(2)
      const [instant] = (await pendingCompactions(table.store, 2)).instants
      await table.store.delete([requestedCompactionPath(instant!)])
      table.clock.nowAtMs += policy.intervalMs
      await run(await servicesOn(table.store))
      expect(await logs(), 'the plan was taken back').to.equal(0)
      expect(await table.found()).to.deep.equal(table.expected)
    })
  })

  it('stop when the writer is closed', async () => {
    await writer.close()
    const stopped = await writer.maintain(new AbortController().signal).catch((error: unknown) => error)
    expect(isAbort(stopped)).to.equal(true)
  })
})
