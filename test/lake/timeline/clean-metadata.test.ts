import { expect } from 'chai'
import { decodeContainer } from '#lake/timeline/avro-container.ts'
import {
  decodeCleanMetadata,
  encodeCleanMetadata,
  encodeDoneCleanerPlan,
} from '#lake/timeline/clean-metadata.ts'

const metadata = {
  earliestCommitToRetain: '20261124120000000',
  lastCompletedCommitTimestamp: '20261124130000000',
  startCleanTime: '20261124140000000',
  timeTakenInMillis: 17,
  totalFilesDeleted: 3,
  filesByPartition: { '': ['a.parquet'], 'day=1': ['b.parquet', 'c.parquet'] },
}

describe('the metadata of a cleaning', () => {
  it('comes back as it was', () => {
    expect(decodeCleanMetadata(encodeCleanMetadata(metadata), 'x')).to.deep.equal(metadata)
  })

  it('has the version that Java takes file names for names, not paths', () => {
    expect(decodeContainer(encodeCleanMetadata(metadata))[0]).to.include({
      version: 2,
      policy: 'KEEP_LATEST_BY_HOURS',
    })
  })

  it('has a plan that leaves nothing to do', () => {
    const bytes = encodeDoneCleanerPlan({ instant: '20261124120000000', action: 'commit' })
    expect(JSON.parse(JSON.stringify(decodeContainer(bytes)[0]))).to.deep.include({
      earliestInstantToRetain: { timestamp: '20261124120000000', action: 'commit', state: 'COMPLETED' },
      filePathsToBeDeletedPerPartition: {},
    })
    expect(decodeContainer(encodeDoneCleanerPlan(null))[0]).to.include({ earliestInstantToRetain: null })
  })

  it('is refused by name when it is damaged', () => {
    expect(() => decodeCleanMetadata(Buffer.from('no'), 'timeline/x'))
      .to.throw()
      .with.property('code', 'LAKE_FILE_CORRUPT')
  })
})
