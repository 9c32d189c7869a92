import { expect } from 'chai'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
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
    { errno: 'EIO', kind: 'TransientError', code: 'STORAGE_UNAVAILABLE' },
  ])
    it(`says ${code} for ${errno}`, () => {
      const error = fileError(Object.assign(new Error(errno), { code: errno }), '/lake/x')
      expect([error.name, error.code]).to.deep.equal([kind, code])
    })
})
