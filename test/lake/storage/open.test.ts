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

  for (const url of ['/var/lake', 'file://host/lake', 's3:///prefix', 'gs://bucket', ''])
    it(`refuses "${url}"`, async () => {
      const error: unknown = await openStore(url, options).catch((thrown: unknown) => thrown)
      expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_URL_INVALID' })
    })
})
