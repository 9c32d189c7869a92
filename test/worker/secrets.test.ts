import { expect } from 'chai'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSecret, secretVariable } from '#worker/secrets.ts'

describe('secrets of a worker', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-secrets-'))
    await mkdir(join(directory, 'shop-db'))
    await writeFile(join(directory, 'shop-db', 'password'), 'from the file\n')
  })
  const reference = { secretKeyRef: { name: 'shop-db', key: 'password' } }

  it('are read from the mounted file, without the newline an editor leaves', async () => {
    expect(await readSecret(reference, { directory, variables: {} })).to.equal('from the file')
  })

  it('are taken from the environment first', async () => {
    const variables = { [secretVariable('shop-db', 'password')]: 'from the variable' }
    expect(await readSecret(reference, { directory, variables })).to.equal('from the variable')
  })

  it('name the Secret, the key and the places looked at when there is none', async () => {
    const missing = { secretKeyRef: { name: 'shop-db', key: 'user' } }
    const error = await readSecret(missing, { directory, variables: {} }).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(error).to.include({ code: 'SECRET_MISSING' })
    expect((error as Error).message).to.match(/shop-db.*user.*SLUICE_SECRET_SHOP_DB_USER.*shop-db\/user/)
  })
})
