import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { takeLock } from './lock.ts'

describe('a lock between processes', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-lock-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('is waited for until its owner gives it back', async () => {
    const path = join(dir, 'lock')
    const giveBack = await takeLock(path, 0)
    const second = takeLock(path, 10_000)
    giveBack()
    const giveBackSecond = await second
    expect(existsSync(path)).to.equal(true)
    giveBackSecond()
    expect(existsSync(path)).to.equal(false)
  })

  it('is free when its owner has died', async () => {
    const path = join(dir, 'lock')
    await writeFile(path, String(spawnSync('true').pid))
    const giveBack = await takeLock(path, 0)
    giveBack()
  })

  it('is refused after the time-out while its owner lives', async () => {
    const path = join(dir, 'lock')
    await writeFile(path, String(process.ppid))
    const error = await takeLock(path, 0).catch(e => e as Error)
    expect(error).to.be.an('error').with.property('message').that.includes(`process ${process.ppid} holds`)
  })

  it('is given back only by its owner', async () => {
    const path = join(dir, 'lock')
    const giveBack = await takeLock(path, 0)
    await writeFile(path, String(process.ppid))
    giveBack()
    expect(existsSync(path)).to.equal(true)
  })
})
