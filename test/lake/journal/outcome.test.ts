// What becomes of a step when the store does not answer, or the writer sleeps too long.
import { expect } from 'chai'
import { commitsOf, newTable, shopDefinition, stagedStep } from './table-fixture.ts'
import { ConflictError, FencedError, TransientError } from '#common/errors.ts'
import { entryPath, journalFolder } from '#lake/journal/entry.ts'
import { Journal } from '#lake/journal/journal.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { createTable } from '#lake/table/create.ts'
import { formatInstant, parseInstant } from '#lake/timeline/instant.ts'

type Fault = 'answer lost' | 'request lost' | null

/** Below the journal folder, creations go wrong as told, one fault a call. */
class FaultyStore extends MemoryStore {
  readonly faults: Fault[] = []

  override async putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    const fault = path.startsWith(journalFolder) ? (this.faults.shift() ?? null) : null
    const made = fault === 'request lost' ? false : await super.putIfAbsent(path, bytes)
    if (fault !== null) throw new TransientError('no answer', { code: 'STORAGE_UNAVAILABLE' })
    return made
  }
}

async function faultyTable() {
  const objects = new Map<string, Uint8Array>()
  const { clock } = await newTable()
  await createTable(new MemoryStore('', objects), shopDefinition, clock)
  const store = new FaultyStore('', objects)
  const open = (on: MemoryStore = store) =>
    Journal.open(on, { clock, writer: 'w', signal: new AbortController().signal })
  return { objects, store, open, plain: new MemoryStore('', objects) }
}

/** The next creation is made, but nothing is answered until what is returned is called. */
function takeSilently(store: FaultyStore): () => void {
  store.faults.push('answer lost', ...Array.from({ length: 7 }, () => 'request lost' as const))
  const list = store.list.bind(store)
  store.list = (prefix, startAfter) => {
    if (!prefix.startsWith('.hoodie/.sluice/')) return list(prefix, startAfter)
    throw new TransientError('no answer', { code: 'STORAGE_UNAVAILABLE' })
  }
  return () => delete (store as { list?: unknown }).list
}

const move = { split: 'log', from: null, to: '1' }

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it was taken'),
    (error: unknown) => error,
  )
}

describe('Journal: outcome of a step', () => {
  for (const faults of [
    ['answer lost'],
    ['request lost'],
    ['request lost', 'answer lost', 'request lost'],
  ] as const)
    it(`is found out after ${faults.join(', ')}`, async () => {
      const { store, open } = await faultyTable()
      const journal = await open()
      const step = await stagedStep(journal, move)
      store.faults.push(...faults)
      const { seq } = await journal.commit(step)
      expect(seq).to.equal(2)
      expect(journal.unsettled).to.equal(false)
      expect(await commitsOf(store)).to.have.length(1)
    })

  it('is unsettled when the store never answers, and settled by the same step', async () => {
    const { store, open } = await faultyTable()
    const journal = await open()
    const step = await stagedStep(journal, move)
    const answerAgain = takeSilently(store)
    expect(await rejection(journal.commit(step))).to.be.instanceOf(TransientError)
    expect(journal.unsettled).to.equal(true)
    answerAgain()
    expect((await journal.commit(step)).seq).to.equal(2)
    expect(journal.unsettled).to.equal(false)
    expect(await commitsOf(store)).to.have.length(1)
  })

  it('completes later than a compaction that another engine planned before it was settled', async () => {
    const { store, open } = await faultyTable()
    const journal = await open()
    const step = await stagedStep(journal, move)
    store.faults.push(...Array.from({ length: 8 }, () => 'request lost' as const))
    expect(await rejection(journal.commit(step))).to.be.instanceOf(TransientError)
    expect(journal.unsettled).to.equal(true)
    const planned = formatInstant(parseInstant(step.instant!) + 3_600_000)
    await store.put(`.hoodie/timeline/${planned}.compaction.requested`, new Uint8Array(0))
    const { seq, completionTime } = await journal.commit(step)
    expect(completionTime! > planned).to.equal(true)
    expect(seq).to.equal(3)
    expect(journal.unsettled).to.equal(false)
  })

  it('is the first one when that was taken, whatever another engine planned since', async () => {
    const { store, open } = await faultyTable()
    const journal = await open()
    const step = await stagedStep(journal, move)
    const answerAgain = takeSilently(store)
    await rejection(journal.commit(step))
    answerAgain()
    const planned = formatInstant(parseInstant(step.instant!) + 3_600_000)
    await store.put(`.hoodie/timeline/${planned}.compaction.requested`, new Uint8Array(0))
    expect((await journal.commit(step)).seq).to.equal(2)
    expect(await commitsOf(store)).to.have.length(2)
  })

  it('is lost for certain when another writer took the number', async () => {
    const { store, open, plain } = await faultyTable()
    const journal = await open()
    const step = await stagedStep(journal, move)
    const other = await open(plain)
    const theirs = await stagedStep(other, { ...move, to: '9' })
    const putIfAbsent = store.putIfAbsent.bind(store)
    store.putIfAbsent = async (path, bytes) => {
      if (path === entryPath(2)) {
        store.putIfAbsent = putIfAbsent
        await other.commit(theirs)
        throw new TransientError('no answer', { code: 'STORAGE_UNAVAILABLE' })
      }
      return putIfAbsent(path, bytes)
    }
    expect(await rejection(journal.commit(step))).to.be.instanceOf(FencedError)
    expect(journal.unsettled).to.equal(false)
  })
})

describe('Journal: a writer that slept past a trim', () => {
  const retention = { entriesMin: 2, ageMsMin: 0, trimEvery: 1, stagedAgeMsMax: 3_600_000 }

  async function sleeper(split: string) {
    const { clock, store } = await newTable()
    const open = (writer: string) =>
      Journal.open(store, { clock, writer, signal: new AbortController().signal, retention })
    const asleep = await open('asleep')
    const step = await stagedStep(asleep, { split, from: null, to: '1' })
    const awake = await open('awake')
    for (let i = 0; i < 8; i++) {
      const from = i === 0 ? null : String(i)
      await awake.commit(await stagedStep(awake, { split: 'log', from, to: String(i + 1) }))
    }
    // The number the sleeper will try is free again.
    expect(await store.get(entryPath(2))).to.equal(null)
    return { store, asleep, step, awake }
  }

  it('is fenced when its split moved on', async () => {
    const { store, asleep, step } = await sleeper('log')
    expect(await rejection(asleep.commit(step))).to.be.instanceOf(FencedError)
    expect(await store.get(entryPath(2))).to.equal(null)
    expect(await commitsOf(store)).to.have.length(8)
  })

  it('commits at the end of the journal when its split is still its own', async () => {
    const { store, asleep, step } = await sleeper('mine')
    expect((await asleep.commit(step)).seq).to.equal(10)
    expect(await store.get(entryPath(2))).to.equal(null)
    expect(asleep.state.positions.get('log')).to.equal('8')
  })

  it('must stage again what depends on file groups, since it cannot know what became of them', async () => {
    const { asleep, step } = await sleeper('mine')
    const error = await rejection(asleep.commit({ ...step, fileGroups: { created: ['g'] } }))
    expect(error).to.be.instanceOf(ConflictError)
    expect(asleep.unsettled).to.equal(false)
  })

  it('must stage again when it slept longer than staged work may wait', async () => {
    const { clock, store } = await newTable()
    const open = (writer: string) =>
      Journal.open(store, { clock, writer, signal: new AbortController().signal })
    const asleep = await open('asleep')
    const step = await stagedStep(asleep, { split: 'mine', from: null, to: '1' })
    clock.nowAtMs += 7 * 3_600_000
    const awake = await open('awake')
    await awake.commit(await stagedStep(awake, move))
    expect(await rejection(asleep.commit(step))).to.be.instanceOf(ConflictError)
  })

  it('leaves a journal that opens with few requests', async () => {
    const { store } = await sleeper('mine')
    const left: string[] = []
    for await (const { path } of store.list(journalFolder)) left.push(path)
    expect(left).to.have.length.within(2, 4)
    expect(Buffer.from((await store.get('.hoodie/.sluice/head'))!).toString()).to.equal('9')
  })
})
