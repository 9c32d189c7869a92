// A file store on a disk that runs full, on a small tmpfs (mounting it takes root).
import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import { FileStore } from '#lake/storage/file.ts'

describe('FileStore on a full disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-full-'))
  let mounted = false

  before(function () {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'pipe' })
      mounted = true
    } catch (error) {
      console.log(`skipped: a tmpfs cannot be mounted here (${(error as Error).message.trim()})`)
      this.skip()
    }
  })

  after(() => {
    if (mounted) execFileSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  })

  for (const name of ['put', 'putIfAbsent'] as const)
    it(`${name} says STORAGE_FULL, leaves nothing, and goes on when there is room again`, async () => {
      const store = new FileStore(folder, systemClock)
      await store.put('data/small', Buffer.alloc(10_000))
      const error = await store[name]('data/large', Buffer.alloc(1_000_000)).then(
        () => null,
        (thrown: unknown) => thrown,
      )
      expect(error).to.include({ name: 'TransientError', code: 'STORAGE_FULL' })
      expect(readdirSync(join(folder, 'data'))).to.deep.equal(['small'])
      await store[name]('data/large', Buffer.alloc(100_000))
      expect((await store.get('data/large'))!.length).to.equal(100_000)
      await store.delete(['data/large'])
    })

  it('says that the file system is mounted read-only, and goes on when it no longer is', async () => {
    const store = new FileStore(folder, systemClock)
    await store.put('data/small', Buffer.from('before'))
    execFileSync('mount', ['-o', 'remount,ro', folder])
    try {
      for (const work of [
        store.put('data/small', Buffer.from('x')),
        store.putIfAbsent('b', Buffer.from('x')),
      ]) {
        const error: unknown = await work.catch((thrown: unknown) => thrown)
        expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_DENIED' })
        expect(String(error)).to.match(/mounted read-only/)
      }
      expect(Buffer.from((await store.get('data/small'))!).toString()).to.equal('before')
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', folder])
    }
    await store.put('data/small', Buffer.from('after'))
    expect(Buffer.from((await store.get('data/small'))!).toString()).to.equal('after')
  })
})
