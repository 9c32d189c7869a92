import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { openStore } from '#lake/storage/open.ts'

const options = { clock: systemClock, s3: { region: 'us-east-1' } }

describe('openStore', () => {
  for (const { url, opened } of [
    { url: 'file:///var/lake', opened: 'file:///var/lake' },
    { url: 'file:///var/my%20lake/', opened: 'file:///var/my%20lake' },
    { url: 's3://bucket', opened: 's3://bucket' },
    { url: 's3://bucket/some/prefix/', opened: 's3://bucket/some/prefix' },
    { url: 's3a://bucket/x', opened: 's3://bucket/x' },
    { url: 'memory:', opened: 'memory:' },
  ])
    it(`opens ${url}`, async () => {
      const store = await openStore(url, options)
      expect(store.url).to.equal(opened)
      await store.close()
    })

  for (const url of [
    '/var/lake',
    'file://host/lake',
    's3:///prefix',
    's3://lake--use1-az4--x-s3/a',
    'gs://bucket',
    '',
  ])
    it(`refuses "${url}"`, async () => {
      const error: unknown = await openStore(url, options).catch((thrown: unknown) => thrown)
      expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_URL_INVALID' })
    })

  describe('without a region', () => {
    const names = ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']
    const before = new Map(names.map(name => [name, process.env[name]]))

    beforeEach(() => {
      for (const name of names) delete process.env[name]
      process.env['AWS_CONFIG_FILE'] = process.env['AWS_SHARED_CREDENTIALS_FILE'] = '/nonexistent'
    })

    afterEach(() => {
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
    })

    it('refuses a bucket of AWS, whose region nobody told', async () => {
      const error: unknown = await openStore('s3://bucket', { clock: systemClock }).catch(
        (thrown: unknown) => thrown,
      )
      expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_REGION_WRONG' })
    })

    it('opens a bucket of another server, which has none', async () => {
      const store = await openStore('s3://bucket', {
        clock: systemClock,
        s3: { endpoint: 'http://127.0.0.1:1' },
      })
      await store.close()
    })
  })
})
