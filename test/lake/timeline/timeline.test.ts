import { expect } from 'chai'
import { MemoryStore } from '#lake/storage/memory.ts'
import { findInstant, loadTimeline } from '#lake/timeline/timeline.ts'

const t = (second: number): string => `202601050000${second}000`

describe('a timeline with savepoints, which have the instant of the commit they save', () => {
  const layouts: [layout: 1 | 2, folder: string, commit: string, savepoint: string][] = [
    [1, '.hoodie', `${t(20)}.commit`, `${t(20)}.savepoint`],
    [2, '.hoodie/timeline', `${t(20)}_${t(21)}.commit`, `${t(20)}_${t(50)}.savepoint`],
  ]
  for (const [layout, folder, commit, savepoint] of layouts) {
    const listed = async (...names: string[]): Promise<string[]> => {
      const store = new MemoryStore()
      for (const name of names) await store.put(`${folder}/${name}`, new Uint8Array(0))
      expect((await findInstant(store, layout, t(20)))?.action, 'found').to.equal('commit')
      return (await loadTimeline(store, layout)).map(({ action, instant }) => `${instant} ${action}`)
    }
    const next = commit.replaceAll(t(20), t(30)).replaceAll(t(21), t(31))

    it(`has both, the commit first, in layout ${layout}`, async () =>
      expect(await listed(commit, savepoint, next)).to.deep.equal([
        `${t(20)} commit`,
        `${t(20)} savepoint`,
        `${t(30)} commit`,
      ]))

    it(`has no savepoint that is not complete, in layout ${layout}`, async () =>
      expect(await listed(commit, `${t(20)}.savepoint.inflight`, next)).to.deep.equal([
        `${t(20)} commit`,
        `${t(30)} commit`,
      ]))
  }
})
