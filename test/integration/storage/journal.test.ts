// Many writers of one table on real storage: each row is a position, so the positions tell whether any step was
// lost or taken twice.
import { expect } from 'chai'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commitsOf, shopDefinition, stagedStep } from '#test/lake/journal/table-fixture.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { startMinio } from '#test/bed/minio.ts'
import { systemClock } from '#common/clock.ts'
import { FencedError } from '#common/errors.ts'
import { Journal } from '#lake/journal/journal.ts'
import { openStore } from '#lake/storage/open.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { createTable } from '#lake/table/create.ts'

const writers = 6
const stepsEach = 15

async function openTable(store: ObjectStore, writer: string): Promise<Journal> {
  await createTable(store, shopDefinition, systemClock)
  return Journal.open(store, { clock: systemClock, writer, signal: new AbortController().signal })
}

/** Commits until the split stands at the end; returns how often another owner of the split was ahead. */
async function write(store: ObjectStore, name: string, split: string): Promise<number> {
  let fenced = 0
  for (;;) {
    const journal = await openTable(store, name)
    try {
      for (;;) {
        const from = journal.state.positions.get(split) ?? null
        if (from === String(stepsEach)) return fenced
        const to = String(Number(from ?? 0) + 1)
        await journal.commit(await stagedStep(journal, { split, from, to }))
      }
    } catch (error) {
      if (!(error instanceof FencedError)) throw error
      fenced++
    }
  }
}

function suite(name: string, open: () => Promise<ObjectStore>): void {
  describe(`Journal on ${name}`, function () {
    this.timeout(120_000)

    it('takes every step of every writer once', async () => {
      const store = await open()
      // Two writers for each split: they fence each other, and no step is taken twice all the same.
      const work = Array.from({ length: writers }, (_, i) => write(store, `w${i}`, `split-${i >> 1}`))
      const fenced = await Promise.all(work)
      const { state } = await openTable(store, 'reader')
      expect([...state.positions.values()]).to.deep.equal(Array.from({ length: writers / 2 }, () => '15'))
      const timeline = await commitsOf(store)
      const steps = (writers / 2) * stepsEach
      expect(timeline).to.have.length(steps)
      expect(state.seq).to.equal(steps + 1)
      const completions = timeline.map(({ completionTime }) => completionTime)
      expect(new Set(completions).size).to.equal(steps)
      console.log(`      fenced: ${fenced.join(' ')}`)
      await store.close()
    })

    it('commits quickly when nobody is in the way', async () => {
      const store = (await open()).at('alone')
      const journal = await openTable(store, 'alone')
      const commits = 50
      const startMs = performance.now()
      for (let i = 0; i < commits; i++) {
        const from = i === 0 ? null : String(i)
        await journal.commit(await stagedStep(journal, { split: 'log', from, to: String(i + 1) }))
      }
      const eachMs = (performance.now() - startMs) / commits
      console.log(`      ${eachMs.toFixed(1)} ms a commit`)
      expect(journal.state.positions.get('log')).to.equal(String(commits))
    })
  })
}

describe('on real storage', () => {
  let minio: BedMinio
  const folder = mkdtempSync(join(tmpdir(), 'sluice-journal-'))

  before(async function () {
    this.timeout(120_000)
    minio = await startMinio()
    await minio.createBucket('lake')
  })

  after(async () => {
    rmSync(folder, { recursive: true, force: true })
    await minio?.stop()
  })

  suite('files', () => openStore(`file://${folder}/table`, { clock: systemClock }))
  suite('S3', () => {
    const { endpoint, region, accessKey, secretKey } = minio
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
    return openStore('s3://lake/table', {
      clock: systemClock,
      s3: { endpoint, region, pathStyle: true, credentials },
    })
  })
})
