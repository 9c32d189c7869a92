import { expect } from 'chai'
import { commitsOf, metadataOf, newTable, shopDefinition, stagedStep } from './table-fixture.ts'
import { ConfigError, ConflictError, FencedError } from '#common/errors.ts'
import { decodeEntry, entryPath } from '#lake/journal/entry.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import { createTable } from '#lake/table/create.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { formatInstant } from '#lake/timeline/instant.ts'

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  )
}

async function paths(store: MemoryStore, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { path } of store.list(prefix)) found.push(path)
  return found
}

describe('Journal', () => {
  it('moves positions and shows the instant in one step', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    const step = await stagedStep(journal, { split: 'log', from: null, to: '10' })
    const { seq, completionTime } = await journal.commit(step)
    expect(seq).to.equal(2)
    expect(journal.state.positions.get('log')).to.equal('10')
    const [instant] = await commitsOf(store)
    expect(instant).to.include({ instant: step.instant, action: 'deltacommit', completionTime })
    const metadata = decodeCommitMetadata((await store.get(instant!.path))!)
    expect(metadata.extraMetadata).to.include({ 'sluice.seq': '2', 'sluice.positions': '{"log":"10"}' })
  })

  it('opens where the last writer stopped', async () => {
    const { open } = await newTable()
    const first = await open('a')
    await first.commit(await stagedStep(first, { split: 'log', from: null, to: '10' }))
    const second = await open('b')
    expect(second.state).to.deep.equal(first.state)
  })

  it('fences a writer whose split another one moved', async () => {
    const { open } = await newTable()
    const [a, b] = [await open('a'), await open('b')]
    const [mine, theirs] = [
      await stagedStep(a, { split: 'log', from: null, to: '10' }),
      await stagedStep(b, { split: 'log', from: null, to: '7' }),
    ]
    await b.commit(theirs)
    const error = await rejection(a.commit(mine))
    expect(error).to.be.instanceOf(FencedError)
    expect(a.unsettled).to.equal(false)
    expect(a.state.positions.get('log')).to.equal('7')
  })

  it('lets writers of different splits follow each other', async () => {
    const { store, open } = await newTable()
    const [a, b] = [await open('a'), await open('b')]
    const steps = [
      await stagedStep(a, { split: 'x', from: null, to: '1' }),
      await stagedStep(b, { split: 'y', from: null, to: '1' }),
    ]
    await b.commit(steps[1]!)
    await a.commit(steps[0]!)
    expect([...a.state.positions.keys()].sort()).to.deep.equal(['x', 'y'])
    const completions = (await commitsOf(store)).map(instant => instant.completionTime)
    expect(new Set(completions).size).to.equal(2)
  })

  it('forgets a finished split', async () => {
    const { open } = await newTable()
    const journal = await open('a')
    await journal.commit(await stagedStep(journal, { split: 'snapshot/0', from: null, to: '5' }))
    await journal.commit(await stagedStep(journal, { split: 'snapshot/0', from: '5', to: null }))
    expect(journal.state.positions.size).to.equal(0)
  })

  it('refuses two first base files of one file group', async () => {
    const { open } = await newTable()
    const [a, b] = [await open('a'), await open('b')]
    const use = { fileGroups: { created: ['00000001'] } }
    const mine = await stagedStep(a, { split: 'x', from: null, to: '1' }, use)
    const theirs = await stagedStep(b, { split: 'y', from: null, to: '1' }, use)
    await b.commit(theirs)
    const error = await rejection(a.commit(mine))
    expect(error).to.be.instanceOf(ConflictError)
    expect(error).to.have.nested.property('context.fileGroup', '00000001')
  })

  it('refuses what was staged with other columns', async () => {
    const { open } = await newTable()
    const [a, b] = [await open('a'), await open('b')]
    const mine = await stagedStep(a, { split: 'x', from: null, to: '1' })
    const { schema, seq, schemaVersion } = b.state
    const wider = { ...schema, columns: [...schema.columns, { ...schema.columns[1]!, name: 'more' }] }
    await b.commit({
      kind: 'schema',
      instant: null,
      action: null,
      metadata: null,
      moves: [],
      fileGroups: {},
      stagedAt: seq,
      schemaVersion,
      schema: wider,
    })
    expect(await rejection(a.commit(mine))).to.be.instanceOf(ConflictError)
    expect(a.state.schema).to.deep.equal(wider)
    expect(a.state.schemaVersion).to.equal(2)
  })

  it('writes no Hudi commit for positions alone', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    const step = await stagedStep(journal, { split: 'log', from: null, to: '10' })
    await journal.commit({ ...step, kind: 'advance', instant: null, action: null, metadata: null })
    expect(await commitsOf(store)).to.deep.equal([])
    expect((await open('b')).state.positions.get('log')).to.equal('10')
  })

  it('finishes the instant a crashed writer left out', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    await journal.commit(await stagedStep(journal, { split: 'log', from: null, to: '10' }))
    const [, lost] = await paths(store, '.hoodie/timeline/')
    const bytes = await store.get(lost!)
    await store.delete([lost!])
    await open('b')
    expect(await store.get(lost!)).to.deep.equal(bytes)
  })

  it('completes later than instants of other engines', async () => {
    const { store, open } = await newTable()
    await store.put('.hoodie/timeline/20261124120500000_20261124120501000.commit', new Uint8Array())
    const journal = await open('a')
    const step = await stagedStep(journal, { split: 'log', from: null, to: '1' })
    expect(step.instant! > '20261124120501000').to.equal(true)
    const { completionTime } = await journal.commit(step)
    expect(completionTime! > step.instant!).to.equal(true)
  })

  it('shows no instant before its time has come', async () => {
    const { store, clock, open } = await newTable()
    const journal = await open('a')
    const shown: [string, string][] = []
    const putIfAbsent = store.putIfAbsent.bind(store)
    store.putIfAbsent = (path, bytes) => {
      const [, completionTime] = /timeline\/\d+_(\d+)/.exec(path) ?? []
      if (completionTime !== undefined) shown.push([completionTime, formatInstant(clock.nowMs())])
      return putIfAbsent(path, bytes)
    }
    for (const [from, to] of [
      [null, '1'],
      ['1', '2'],
      ['2', '3'],
    ] as const)
      await journal.commit(await stagedStep(journal, { split: 'log', from, to }))
    expect(shown).to.have.length(3)
    for (const [completionTime, at] of shown) expect(at >= completionTime, completionTime).to.equal(true)
  })

  it('does not wait for a time that is far ahead', async () => {
    const { store, clock, open } = await newTable()
    const startMs = clock.nowMs()
    const hourAhead = formatInstant(startMs + 3_600_000)
    await store.put(`.hoodie/timeline/${hourAhead}_${hourAhead}.deltacommit`, new Uint8Array(0))
    const journal = await open('a')
    await journal.commit(await stagedStep(journal, { split: 'log', from: null, to: '1' }))
    expect(clock.nowMs()).to.equal(startMs)
  })

  it('completes later than a compaction that was scheduled since staging, so that its logs stay out of it', async () => {
    const { open, clock } = await newTable()
    const [lane, compactor] = [await open('lane'), await open('compactor')]
    const step = await stagedStep(lane, { split: 'log', from: null, to: '1' })
    // The compactor's clock is ahead.
    clock.nowAtMs += 30_000
    const instant = await compactor.nextInstant()
    const { seq: stagedAt, schemaVersion } = compactor.state
    const nothing = { action: null, metadata: null, moves: [], fileGroups: {} }
    await compactor.commit({ kind: 'schedule', instant, ...nothing, stagedAt, schemaVersion })
    clock.nowAtMs -= 30_000
    const { completionTime } = await lane.commit(step)
    expect(completionTime! > instant).to.equal(true)
  })

  for (const { name, change, code } of [
    {
      name: 'a metadata table',
      change: (text: string) => `${text}hoodie.table.metadata.partitions=files\n`,
      code: 'LAKE_METADATA_TABLE',
    },
    {
      name: 'another table version',
      change: (text: string) => text.replace('hoodie.table.version=8', 'hoodie.table.version=9'),
      code: 'LAKE_VERSION_CHANGED',
    },
  ])
    it(`stops when another engine made ${name}`, async () => {
      const { store, open } = await newTable()
      const journal = await open('a')
      const step = await stagedStep(journal, { split: 'log', from: null, to: '1' })
      const path = '.hoodie/hoodie.properties'
      const text = Buffer.from((await store.get(path))!).toString()
      await store.put(path, Buffer.from(change(text)))
      const error = await rejection(journal.commit(step))
      expect(error).to.be.instanceOf(ConfigError)
      expect(error).to.have.property('code', code)
      expect(await commitsOf(store)).to.deep.equal([])
    })

  it('writes nothing of a former table into one of the same name that was made anew', async () => {
    const { clock, open, store } = await newTable()
    const journal = await open('a')
    await journal.commit(await stagedStep(journal, { split: 'log', from: null, to: '10' }))
    const step = await stagedStep(journal, { split: 'log', from: '10', to: '11' })
    await store.delete(await paths(store, ''))
    expect(await rejection(journal.refresh())).to.include({ code: 'LAKE_TABLE_MISSING' })
    clock.nowAtMs += 1000
    await createTable(store, shopDefinition, clock)
    expect(await rejection(journal.refresh())).to.include({ code: 'LAKE_TABLE_MISSING' })
    expect(await rejection(journal.commit(step))).to.include({ code: 'LAKE_TABLE_MISSING' })
    expect((await open('b')).state.positions.size).to.equal(0)
  })

  it('says that an entry is damaged, whatever byte of it changed', async () => {
    const { open, store } = await newTable()
    await store.put(entryPath(2), Buffer.from('{"seq": 2, "ki'))
    const torn = await rejection(open('a'))
    expect(torn).to.include({ code: 'LAKE_FILE_CORRUPT' })
    expect(torn).to.have.property('message').that.includes(entryPath(2))
    await store.delete([entryPath(2)])
    const whole = (await store.get(entryPath(1)))!
    for (let at = 0; at < whole.length; at += 7) {
      const bytes = Uint8Array.from(whole)
      bytes[at]! ^= 0x01
      // A damaged word `checksum` leaves an entry without one, which is whole otherwise.
      if (!Buffer.from(bytes).includes('"checksum":"')) continue
      expect(() => decodeEntry(bytes, 1), `byte ${at}`)
        .to.throw()
        .with.property('code', 'LAKE_FILE_CORRUPT')
    }
    expect(() => decodeEntry(whole, 2))
      .to.throw()
      .with.property('code', 'LAKE_FILE_CORRUPT')
  })

  it('needs no more than five requests a commit, two of them at once', async () => {
    const { store, open } = await newTable()
    const calls: string[] = []
    const counting = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          calls.push(String(name))
          return (value as (...args: unknown[]) => unknown).apply(target, args)
        }
      },
    })
    const journal = await open('a', counting)
    await journal.nextInstant()
    const step = await stagedStep(journal, { split: 'log', from: null, to: '1' })
    calls.length = 0
    await journal.commit(step)
    expect(calls).to.deep.equal(['get', 'list', 'putIfAbsent', 'list', 'putIfAbsent'])
  })

  it('writes JSON commits without completion time for table version 6', async () => {
    const { store, open } = await newTable({ ...shopDefinition, version: 6 })
    const journal = await open('a')
    const step = await stagedStep(journal, { split: 'log', from: null, to: '1' })
    await journal.commit(step)
    const path = `.hoodie/${step.instant}.deltacommit`
    const body = decodeCommitMetadata((await store.get(path))!)
    expect(body.partitionToWriteStats).to.deep.equal(metadataOf(`file-${step.instant}`).partitionToWriteStats)
  })
})
