import { expect } from 'chai'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { objectStoreContract } from '#test/contract/object-store.ts'
import { systemClock } from '#common/clock.ts'
import { FileStore } from '#lake/storage/file.ts'
import { fileError } from '#lake/storage/file-error.ts'

let folders: string[] = []

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-store-'))
  folders.push(folder)
  return folder
}

after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
  folders = []
})

objectStoreContract('file', {
  open: async () => new FileStore(await newFolder(), systemClock),
  largeBytes: 20_000_000,
})

describe('FileStore', () => {
  it('leaves no temporary files', async () => {
    const folder = await newFolder()
    const store = new FileStore(folder, systemClock)
    await store.put('a', Buffer.from('1'))
    await Promise.all(Array.from({ length: 9 }, () => store.putIfAbsent('b', Buffer.from('1'))))
    expect((await readdir(folder)).sort()).to.deep.equal(['a', 'b'])
  })

  it('does not list the temporary file of a crashed writer', async () => {
    const folder = await newFolder()
    await writeFile(join(folder, '.sluice-tmp-1'), 'half')
    const store = new FileStore(folder, systemClock)
    await store.put('a', Buffer.from('1'))
    for await (const { path } of store.list('')) expect(path).to.equal('a')
  })

  it('removes the checksum Hadoop left beside an earlier file', async () => {
    const folder = await newFolder()
    await writeFile(join(folder, '.a.crc'), 'crc of other bytes')
    await new FileStore(folder, systemClock).put('a', Buffer.from('1'))
    expect(await readdir(folder)).to.deep.equal(['a'])
  })

  it('removes the checksum of what it deletes, and of what it makes where something was', async () => {
    const folder = await newFolder()
    const store = new FileStore(folder, systemClock)
    await store.put('a', Buffer.from('1'))
    for (const name of ['.a.crc', '.b.crc']) await writeFile(join(folder, name), 'crc')
    await store.delete(['a'])
    await store.putIfAbsent('b', Buffer.from('2'))
    expect(await readdir(folder)).to.deep.equal(['b'])
  })

  it('removes the temporary files of crashed writers, and not those of writes under way', async () => {
    const folder = await newFolder()
    const store = new FileStore(folder, systemClock)
    await store.put('t/a', Buffer.from('1'))
    const [old, young] = [join(folder, 't', '.sluice-tmp-1'), join(folder, 't', '.sluice-tmp-2')]
    for (const path of [old, young]) await writeFile(path, 'half')
    await utimes(old, new Date(1_000_000), new Date(1_000_000))
    await store.removeUnfinished(2_000_000)
    expect((await readdir(join(folder, 't'))).sort()).to.deep.equal(['.sluice-tmp-2', 'a'])
    await new FileStore(join(folder, 'none'), systemClock).removeUnfinished(2_000_000)
  })

  it('refuses a folder that no file system makes, instead of asking for ever', async function () {
    if (process.platform !== 'linux') this.skip()
    const store = new FileStore('/proc/sluice/lake', systemClock)
    const error: unknown = await store.put('a/b', Buffer.from('1')).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_DENIED' })
    expect(String(error)).to.include('makes no folder /proc/sluice:')
  })

  it('makes the folders of writers that come at once', async () => {
    const folder = await newFolder()
    const writers = Array.from({ length: 9 }, () => new FileStore(join(folder, 'x', 'y'), systemClock))
    await Promise.all(writers.map((store, index) => store.put(`a/b/c/${index}`, Buffer.from('1'))))
    expect(await readdir(join(folder, 'x', 'y', 'a', 'b', 'c'))).to.have.length(9)
  })

  it('says what is in the way', async () => {
    const folder = await newFolder()
    const store = new FileStore(folder, systemClock)
    await store.put('a', Buffer.from('1'))
    const error: unknown = await store.put('a/b', Buffer.from('1')).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_DENIED' })
    expect(String(error)).to.include(join(folder, 'a', 'b'))
  })

  it('says what to do about a file system that is mounted read-only, and whom to let in', () => {
    const errorFor = (code: string) => fileError(Object.assign(new Error(code), { code }), '/lake/x').message
    expect(errorFor('EROFS')).to.match(/\/lake\/x .*mounted read-only: mount it with rw/)
    expect(errorFor('EACCES')).to.match(/No permission for \/lake\/x: let user \d+ read and write/)
  })

  it('makes its root when it writes first', async () => {
    const root = join(await newFolder(), 'new', 'lake')
    const store = new FileStore(root, systemClock)
    for await (const { path } of store.list('')) expect.fail(path)
    expect(await store.putIfAbsent('x', Buffer.from('1'))).to.equal(true)
    expect(await store.get('x')).to.deep.equal(Buffer.from('1'))
  })

  for (const { errno, kind, code } of [
    { errno: 'ENOSPC', kind: 'TransientError', code: 'STORAGE_FULL' },
    { errno: 'EDQUOT', kind: 'TransientError', code: 'STORAGE_FULL' },
    { errno: 'EACCES', kind: 'ConfigError', code: 'STORAGE_DENIED' },
    { errno: 'EROFS', kind: 'ConfigError', code: 'STORAGE_DENIED' },
    { errno: 'ENOTSUP', kind: 'ConfigError', code: 'STORAGE_NO_CONDITIONAL_PUT' },
    { errno: 'EXDEV', kind: 'ConfigError', code: 'STORAGE_NO_CONDITIONAL_PUT' },
    { errno: 'ENAMETOOLONG', kind: 'ConfigError', code: 'STORAGE_DENIED' },
    { errno: 'EISDIR', kind: 'ConfigError', code: 'STORAGE_DENIED' },
    { errno: 'EIO', kind: 'TransientError', code: 'STORAGE_UNAVAILABLE' },
    { errno: 'ESTALE', kind: 'TransientError', code: 'STORAGE_UNAVAILABLE' },
    { errno: 'EMFILE', kind: 'TransientError', code: 'STORAGE_UNAVAILABLE' },
  ])
    it(`says ${code} for ${errno}`, () => {
      const error = fileError(Object.assign(new Error(errno), { code: errno }), '/lake/x')
      expect([error.name, error.code]).to.deep.equal([kind, code])
    })
})
