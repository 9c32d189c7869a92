import { expect } from 'chai'
import { DataError } from '#common/errors.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { decodeCommitMetadata, encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { partitionDepth, partitionMetadata } from '#lake/timeline/partition-metadata.ts'
import { watchedWorker } from '#test/watched-worker.ts'

const metadata: CommitMetadata = {
  partitionToWriteStats: {
    'dt=2026-11-24': [
      {
        fileId: 'f-0',
        path: 'dt=2026-11-24/.f-0_20261124210144994.log.1_1-0-1',
        prevCommit: '20261124210144000',
        partitionPath: 'dt=2026-11-24',
        fileSizeInBytes: 5_000_000_000,
        numWrites: 3,
        numDeletes: 1,
        logVersion: 1,
        logOffset: 0,
        baseFile: 'f-0_1-0-1_20261124210144000.parquet',
        logFiles: ['.f-0_20261124210144994.log.1_1-0-1'],
      },
    ],
  },
  compacted: false,
  extraMetadata: { schema: '{}', 'sluice.positions': '{"log":"0/16B3748"}' },
  operationType: 'UPSERT',
}

describe('commit metadata', () => {
  for (const layout of [1, 2] as const)
    it(`comes back from layout ${layout}`, () => {
      expect(decodeCommitMetadata(encodeCommitMetadata(metadata, 'deltacommit', layout))).to.deep.equal(
        metadata,
      )
    })

  for (const layout of [1, 2] as const)
    it(`keeps the replaced file groups in layout ${layout}`, () => {
      const replacing = { ...metadata, partitionToReplaceFileIds: { 'dt=2026-11-24': ['a-0', 'b-0'] } }
      expect(decodeCommitMetadata(encodeCommitMetadata(replacing, 'replacecommit', layout))).to.deep.equal(
        replacing,
      )
    })

  it('gives the same bytes for the same metadata', () => {
    const once = encodeCommitMetadata(metadata, 'commit', 2)
    expect(encodeCommitMetadata(structuredClone(metadata), 'commit', 2)).to.deep.equal(once)
  })

  for (const { name, bytes } of [
    { name: 'nothing', bytes: Buffer.alloc(0) },
    { name: 'text', bytes: Buffer.from('no metadata') },
    {
      name: 'a torn container',
      bytes: Buffer.from(encodeCommitMetadata(metadata, 'commit', 2)).subarray(0, -40),
    },
  ])
    it(`says that ${name} cannot be read`, () => {
      expect(() => decodeCommitMetadata(bytes))
        .to.throw('is damaged')
        .with.property('code', 'LAKE_FILE_CORRUPT')
    })
})

describe('damaged commit metadata', () => {
  const whole = Buffer.from(encodeCommitMetadata(metadata, 'commit', 2))
  const sync = whole.subarray(-16)
  /** Where the one block begins: its record count, after the marker's first occurrence. */
  const block = whole.indexOf(sync) + 16

  for (const { name, bytes } of [
    { name: 'a block that ends where it starts', bytes: [0, 0x23] },
    { name: 'more records than there are bytes', bytes: [0xfe, 0xff, 0xff, 0xff, 0x0f] },
  ])
    it(`comes to an end with ${name}`, () => {
      expectUnreadable(Buffer.concat([whole.subarray(0, block), Buffer.from(bytes), whole.subarray(block)]))
    })

  it('comes to an end with a list of more entries than there are bytes', () => {
    // partitionToWriteStats: branch 1 of the union, then how many partitions there are.
    const at = whole.indexOf('dt=2026-11-24', block) - 2
    expect(whole[at]).to.equal(2)
    const count = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f])
    expectUnreadable(Buffer.concat([whole.subarray(0, at), count, whole.subarray(at + count.length)]))
  })

  it('of ours is told, whatever byte of it changed', () => {
    const ours: CommitMetadata = {
      partitionToWriteStats: {},
      compacted: false,
      extraMetadata: { 'sluice.seq': '7', schema: '{}' },
      operationType: 'UPSERT',
      partitionToReplaceFileIds: { p: ['a', 'b'] },
    }
    const whole = encodeCommitMetadata(ours, 'replacecommit', 2)
    for (let at = 0; at < whole.length; at++) {
      const bytes = Uint8Array.from(whole)
      bytes[at]! ^= 0x01
      try {
        // Left are words of its schema that mean nothing here, and the mark that it is ours.
        const read = decodeCommitMetadata(bytes)
        expect(read.partitionToReplaceFileIds, `byte ${at}`).to.deep.equal(ours.partitionToReplaceFileIds)
        expect(read.extraMetadata, `byte ${at}`).to.include({ schema: '{}' })
      } catch (error) {
        expect(error, String(error)).to.be.instanceOf(DataError)
      }
    }
  })

  it('is read or told to be damaged, whatever the bytes', () =>
    watchedWorker(new URL('./damaged-commits.ts', import.meta.url), 18_000))

  function expectUnreadable(bytes: Buffer): void {
    expect(() => decodeCommitMetadata(bytes))
      .to.throw()
      .with.property('code', 'LAKE_FILE_CORRUPT')
  }
})

describe('partition metadata', () => {
  it('tells the depth of a partition', () => {
    for (const { path, depth } of [
      { path: '', depth: 0 },
      { path: 'dt=2026-11-24', depth: 1 },
      { path: 'region=eu/dt=2026-11-24', depth: 2 },
    ]) {
      const bytes = partitionMetadata(path, '20261124210144994')
      expect(partitionDepth(bytes)).to.equal(depth)
      expect(Buffer.from(bytes).toString()).to.include('commitTime=20261124210144994\n')
    }
  })
})
