import type { Target } from '#connectors/connector.ts'
import { hudi } from '#connectors/hudi/connector.ts'
import { hudiSpec } from '#connectors/hudi/spec.ts'
import { requires } from '#test/bed/requires.ts'
import { hudiContext, hudiView } from '#test/connectors/hudi/hudi-context.ts'
import { targetContract } from '#test/contract/target.ts'
import type { DirectLake } from './lakes.ts'
import { bucketLake } from './lakes.ts'

describe('the Hudi connector on a real S3 server', () => {
  requires('minio')
  let lake: DirectLake
  let opened = 0
  before(async () => {
    lake = await bucketLake()
  })
  after(() => lake.stop())

  targetContract('hudi on s3://', {
    open: (): Promise<Target> => {
      const { endpoint, accessKey, secretKey } = lake.s3!
      const s3 = { endpoint, accessKeyId: { value: accessKey }, secretAccessKey: { value: secretKey } }
      const spec = hudiSpec.parse({ url: `s3://lake/ods/contract-${++opened}`, s3 })
      return hudi.openTarget!(hudiContext(spec))
    },
    ...hudiView(() => Promise.resolve(lake.store.at(`contract-${opened}`))),
  })
})
