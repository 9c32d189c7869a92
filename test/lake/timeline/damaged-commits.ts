// A script for watchedWorker(): commits with a few bytes changed are read, or told to be damaged.
import fc from 'fast-check'
import { parentPort } from 'node:worker_threads'
import { DataError } from '#common/errors.ts'
import { decodeCommitMetadata, encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'

const stat = {
  fileId: 'f',
  path: 'p/f',
  prevCommit: 'null',
  partitionPath: 'p',
  fileSizeInBytes: 5,
  numWrites: 3,
}
const whole = encodeCommitMetadata(
  {
    partitionToWriteStats: { p: [{ ...stat, logFiles: ['.f'] }, stat] },
    compacted: false,
    extraMetadata: { schema: '{}' },
    operationType: 'UPSERT',
    partitionToReplaceFileIds: { p: ['a', 'b'] },
  },
  'replacecommit',
  2,
)
/** From the sync marker on: the schema before it is text. */
const body = Buffer.from(whole).indexOf(Buffer.from(whole.subarray(-16)))
const edit = fc.tuple(
  fc.integer({ min: body, max: whole.length - 1 }),
  fc.oneof(fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff), fc.nat(255)),
)

fc.assert(
  fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), edits => {
    parentPort!.postMessage(edits)
    const damaged = Uint8Array.from(whole)
    for (const [at, byte] of edits) damaged[at] = byte
    try {
      decodeCommitMetadata(damaged)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
    }
  }),
  { numRuns: 3000, interruptAfterTimeLimit: 8000 },
)
