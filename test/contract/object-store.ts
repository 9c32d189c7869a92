// What every ObjectStore must do. Register it with a factory that returns an empty store; a backend is done when
// it passes.
import { expect } from 'chai'
import type { ObjectStore } from '#lake/storage/object-store.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (found: Uint8Array | null): string | null => found && new TextDecoder().decode(found)

async function listed(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of store.list(prefix, startAfter)) paths.push(path)
  return paths
}

/** Chunks of these sizes, the rest in a last one. */
async function* cut(whole: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) yield whole.slice(at, (at += size))
  if (at < whole.length) yield whole.slice(at)
}

export interface ObjectStoreContract {
  /** An empty store. */
  open: () => Promise<ObjectStore>
  /** Bytes of the largest object to try: beyond it nothing new happens in this backend. */
  largeBytes: number
}

export function objectStoreContract(name: string, { open, largeBytes }: ObjectStoreContract): void {
  describe(`ObjectStore: ${name}`, () => {
    let store: ObjectStore

    beforeEach(async () => {
      store = await open()
    })

    afterEach(() => store.close())

    it('reads back what was put', async () => {
      await store.put('a/b.txt', bytes('one'))
      expect(text(await store.get('a/b.txt'))).to.equal('one')
    })

    it('replaces', async () => {
      await store.put('a', bytes('a longer first'))
      await store.put('a', bytes('second'))
      expect(text(await store.get('a'))).to.equal('second')
    })

    it('keeps its own copy of the bytes', async () => {
      const buffer = bytes('one')
      await store.put('a', buffer)
      buffer.fill(0)
      expect(text(await store.get('a'))).to.equal('one')
    })

    it('keeps empty objects', async () => {
      await store.put('empty', new Uint8Array(0))
      expect(await store.get('empty')).to.have.length(0)
      expect(await store.putIfAbsent('empty', bytes('x'))).to.equal(false)
    })

    it('answers null for what is not there', async () => {
      await store.put('folder/a', bytes('x'))
      expect(await store.get('nothing')).to.equal(null)
      expect(await store.get('folder/a/below')).to.equal(null)
      expect(await store.getRange('nothing', 0, 1)).to.equal(null)
    })

    it('puts a stream of chunks of all sizes', async function () {
      this.timeout(60_000)
      const large = new Uint8Array(largeBytes).map((_, i) => (i * 2_654_435_761) >>> 24)
      await store.putStream('streamed', cut(large, [0, 1, 70_001, largeBytes >> 2, 3]))
      expect(Buffer.compare((await store.get('streamed'))!, large)).to.equal(0)
    })

    it('puts a stream without chunks as an empty object', async () => {
      await store.putStream('a', cut(bytes(''), []))
      expect(await store.get('a')).to.have.length(0)
    })

    it('shows the object before until a stream has ended', async () => {
      await store.put('a', bytes('before'))
      const seen: (string | null)[] = []
      await store.putStream(
        'a',
        (async function* () {
          for (const chunk of ['one ', 'two']) {
            yield bytes(chunk)
            seen.push(text(await store.get('a')))
          }
        })(),
      )
      expect(seen).to.deep.equal(['before', 'before'])
      expect(text(await store.get('a'))).to.equal('one two')
    })

    for (const { name, good } of [
      { name: 'at once', good: 0 },
      { name: 'in the middle', good: largeBytes },
    ])
      it(`leaves nothing of a stream that fails ${name}, and throws what it threw`, async function () {
        this.timeout(60_000)
        await store.put('there', bytes('before'))
        const failure = new TypeError('of the source')
        for (const path of ['there', 'new']) {
          const chunks = (async function* () {
            if (good > 0) yield new Uint8Array(good)
            yield await Promise.reject(failure)
          })()
          const thrown: unknown = await store.putStream(path, chunks).catch((error: unknown) => error)
          expect(thrown).to.equal(failure)
        }
        expect(await listed(store, '')).to.deep.equal(['there'])
        expect(text(await store.get('there'))).to.equal('before')
      })

    it('copies to a new path and over another object', async () => {
      await store.put('from/a b+ü', bytes('copied'))
      await store.put('there', bytes('a longer one before'))
      for (const path of ['to/new', 'there']) {
        expect(await store.copy('from/a b+ü', path)).to.equal(true)
        expect(text(await store.get(path))).to.equal('copied')
      }
      expect(await listed(store, '')).to.deep.equal(['from/a b+ü', 'there', 'to/new'])
    })

    it('copies again, and keeps the copy when the first is removed or replaced', async () => {
      await store.put('a', bytes('1'))
      for (let again = 0; again < 2; again++) expect(await store.copy('a', 'b')).to.equal(true)
      await store.put('a', bytes('2'))
      expect(text(await store.get('b'))).to.equal('1')
      await store.delete(['a'])
      expect(text(await store.get('b'))).to.equal('1')
      expect(await listed(store, '')).to.deep.equal(['b'])
    })

    it('says that there is nothing to copy', async () => {
      await store.put('there', bytes('x'))
      expect(await store.copy('nothing', 'there')).to.equal(false)
      expect(await store.copy('nothing', 'new/b')).to.equal(false)
      expect(text(await store.get('there'))).to.equal('x')
      expect(await store.get('new/b')).to.equal(null)
    })

    it('creates only what is absent', async () => {
      expect(await store.putIfAbsent('a/b', bytes('first'))).to.equal(true)
      expect(await store.putIfAbsent('a/b', bytes('second'))).to.equal(false)
      expect(await store.putIfAbsent('a/b', bytes('first'))).to.equal(false)
      expect(text(await store.get('a/b'))).to.equal('first')
    })

    it('lets exactly one of many racing creators win, and keeps its bytes', async () => {
      for (let round = 0; round < 5; round++) {
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, i) => store.putIfAbsent(`race/${round}`, bytes(`racer ${i}`))),
        )
        expect(results.filter(won => won)).to.have.length(1)
        expect(text(await store.get(`race/${round}`))).to.equal(`racer ${results.indexOf(true)}`)
      }
    })

    it('creates again what was deleted', async () => {
      await store.putIfAbsent('a', bytes('1'))
      await store.delete(['a'])
      expect(await store.putIfAbsent('a', bytes('2'))).to.equal(true)
      expect(text(await store.get('a'))).to.equal('2')
    })

    for (const { name, start, length, expected } of [
      { name: 'from the start', start: 0, length: 3, expected: '012' },
      { name: 'in the middle', start: 4, length: 2, expected: '45' },
      { name: 'over the end', start: 8, length: 9, expected: '89' },
      { name: 'behind the end', start: 12, length: 2, expected: '' },
      { name: 'counted from the end', start: -4, length: 4, expected: '6789' },
      { name: 'counted from the end, cut short', start: -4, length: 2, expected: '67' },
      { name: 'counted from before the start', start: -40, length: 40, expected: '0123456789' },
      { name: 'of nothing', start: 2, length: 0, expected: '' },
    ])
      it(`reads a range ${name}`, async () => {
        await store.put('digits', bytes('0123456789'))
        expect(text(await store.getRange('digits', start, length))).to.equal(expected)
      })

    it('lists by prefix in byte order', async () => {
      const paths = [
        't/b',
        't/a/z',
        't/a.x',
        't/a-',
        't/a0',
        'u/1',
        't/.h/1',
        't/B',
        't/é',
        't/\u{1f600}',
        't/\uff5e',
      ]
      for (const path of paths) await store.put(path, bytes(path))
      const expected = [
        't/.h/1',
        't/B',
        't/a-',
        't/a.x',
        't/a/z',
        't/a0',
        't/b',
        't/é',
        't/\uff5e',
        't/\u{1f600}',
      ]
      expect(await listed(store, 't/')).to.deep.equal(expected)
      expect(await listed(store, 't/a')).to.deep.equal(['t/a-', 't/a.x', 't/a/z', 't/a0'])
      expect(await listed(store, 't/a/')).to.deep.equal(['t/a/z'])
      expect(await listed(store, 'none/')).to.deep.equal([])
    })

    it('lists after a path, there or not', async () => {
      for (const path of ['j/1', 'j/2/x', 'j/2/y', 'j/3']) await store.put(path, bytes(path))
      expect(await listed(store, 'j/', 'j/1')).to.deep.equal(['j/2/x', 'j/2/y', 'j/3'])
      expect(await listed(store, 'j/', 'j/2/x')).to.deep.equal(['j/2/y', 'j/3'])
      expect(await listed(store, 'j/', 'j/2~')).to.deep.equal(['j/3'])
      expect(await listed(store, 'j/', 'j/9')).to.deep.equal([])
    })

    it('tells sizes', async () => {
      await store.put('a', bytes('12345'))
      for await (const info of store.list('a')) expect(info).to.include({ path: 'a', sizeBytes: 5 })
    })

    it('sees in a listing what was just written', async () => {
      for (let i = 0; i < 20; i++) {
        await store.putIfAbsent(`seen/${i}`, bytes('x'))
        expect(await listed(store, `seen/${i}`)).to.include(`seen/${i}`)
      }
    })

    it('deletes many, also what is not there', async () => {
      await Promise.all(['a', 'b/c', 'd'].map(path => store.put(path, bytes(path))))
      await store.delete(['a', 'b/c', 'nothing', 'b/nothing'])
      await store.delete(['a'])
      await store.delete([])
      expect(await listed(store, '')).to.deep.equal(['d'])
    })

    it('is a store of its own below a folder', async () => {
      const below = store.at('lake').at('orders')
      await below.put('x/y', bytes('1'))
      await below.putStream('w', cut(bytes('2'), []))
      expect(await below.copy('w', 'v')).to.equal(true)
      expect(text(await store.get('lake/orders/v'))).to.equal('2')
      await below.delete(['v', 'w'])
      expect(await below.putIfAbsent('x/y', bytes('2'))).to.equal(false)
      expect(text(await store.get('lake/orders/x/y'))).to.equal('1')
      expect(await listed(below, 'x/')).to.deep.equal(['x/y'])
      expect(await listed(below, '', 'x/y')).to.deep.equal([])
      await store.put('lake/orders2/z', bytes('3'))
      expect(await listed(below, '')).to.deep.equal(['x/y'])
      expect(below.url).to.match(/lake\/orders$/)
    })

    it('goes on when a store below it was closed', async () => {
      const below = store.at('lake')
      await below.put('a', bytes('1'))
      await below.close()
      expect(text(await store.get('lake/a'))).to.equal('1')
    })

    it('keeps large objects whole', async function () {
      this.timeout(60_000)
      const large = new Uint8Array(largeBytes).map((_, i) => (i * 2_654_435_761) >>> 24)
      await store.put('large', large)
      expect(Buffer.compare((await store.get('large'))!, large)).to.equal(0)
      const end = await store.getRange('large', -10, 10)
      expect(end).to.deep.equal(large.slice(-10))
    })
  })
}
