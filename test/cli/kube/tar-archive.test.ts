import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { tarGz } from '#cli/kube/tar-archive.ts'

describe('tarGz', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-tar-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  it('is what tar unpacks, whatever the length of contents and paths', async () => {
    const long = `${'folder-of-a-report/'.repeat(4)}${'n'.repeat(63)}/${'p'.repeat(95)}.log`
    const files = [0, 1, 511, 512, 513, 100_000].map(length => ({
      path: `files/${length}.txt`,
      text: 'ä'.repeat(length),
    }))
    files.push({ path: long.slice(-250), text: 'deep' })
    const archive = join(folder, 'a.tar.gz')
    await writeFile(archive, tarGz(files, Date.UTC(2026, 0, 2)))
    await promisify(execFile)('tar', ['-xzf', archive, '-C', folder])
    for (const { path, text } of files)
      expect(await readFile(join(folder, path), 'utf8'), path).to.equal(text)
    expect((await stat(join(folder, files[0]!.path))).mtimeMs).to.equal(Date.UTC(2026, 0, 2))
  })

  it('refuses a path that the format has no room for', () => {
    expect(() => tarGz([{ path: `a/${'n'.repeat(101)}`, text: '' }], 0)).to.throw('too long')
  })
})
