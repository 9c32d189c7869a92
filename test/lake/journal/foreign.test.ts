import { expect } from 'chai'
import { avroSchemaOf } from '#lake/avro/schema.ts'
import type { FileGroupUse } from '#lake/journal/entry.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { Step } from '#lake/journal/step.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import { encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { formatInstant, parseInstant } from '#lake/timeline/instant.ts'
import { decodeProperties, encodeProperties } from '#lake/timeline/properties.ts'
import { commitsOf, newTable, shopDefinition, stagedStep } from './table-fixture.ts'

const nowMs = Date.UTC(2026, 10, 24, 12)
const at = (ms: number): string => formatInstant(nowMs + ms)
const baseOf = (fileId: string, prevCommit: string): WriteStat => ({
  fileId,
  path: `${fileId}_1-0-1_${at(0)}.parquet`,
  prevCommit,
  partitionPath: '',
  fileSizeInBytes: 1,
  numWrites: 1,
})

/** What another engine did, complete on the timeline. */
async function foreignCommit(
  store: ObjectStore,
  times: { instant: string; completionTime: string },
  metadata: Partial<CommitMetadata>,
  action: 'commit' | 'deltacommit' | 'replacecommit' = 'deltacommit',
): Promise<string> {
  const whole = {
    partitionToWriteStats: {},
    compacted: false,
    extraMetadata: {},
    operationType: 'UPSERT',
    ...metadata,
  }
  const path = `.hoodie/timeline/${times.instant}_${times.completionTime}.${action}`
  await store.put(path, encodeCommitMetadata(whole, action, 2))
  return path
}

const move = { split: 'log', from: null, to: '1' }
const bucket = '00000003-0000-0000-0000-000000000000-0'
const theirs = '00000003-5cb1-467b-aa2e-749b0096fd5c-0'

async function outcome(commit: Promise<unknown>): Promise<string> {
  return commit.then(
    () => 'taken',
    (error: { code: string }) => error.code,
  )
}

describe('Journal: commits of other engines', () => {
  const cases: {
    name: string
    ours: FileGroupUse
    theirs: Partial<CommitMetadata>
    action?: 'commit' | 'replacecommit'
    outcome: string
  }[] = [
    {
      name: 'a first base file for a bucket that another engine began under a name of its own',
      ours: { created: [bucket] },
      theirs: { partitionToWriteStats: { '': [baseOf(theirs, 'null')] } },
      outcome: 'COMMIT_CONFLICT',
    },
    {
      name: 'a rewrite of a base file that another engine rewrote',
      ours: { rewritten: [theirs] },
      theirs: { partitionToWriteStats: { '': [baseOf(theirs, at(-9))] } },
      action: 'commit',
      outcome: 'COMMIT_CONFLICT',
    },
    {
      name: 'a log in a file group that another engine retired',
      ours: { logged: [bucket] },
      theirs: { partitionToReplaceFileIds: { '': [bucket] } },
      action: 'replacecommit',
      outcome: 'COMMIT_CONFLICT',
    },
    {
      name: 'a log in a file group that another engine compacted',
      ours: { logged: [bucket] },
      theirs: {
        partitionToWriteStats: { '': [baseOf(bucket, at(-9))] },
        compacted: true,
        operationType: 'COMPACT',
      },
      action: 'commit',
      outcome: 'taken',
    },
    {
      name: 'a log beside a log of another engine',
      ours: { logged: [bucket] },
      theirs: {
        partitionToWriteStats: {
          '': [{ ...baseOf(bucket, at(-9)), path: `.${bucket}_${at(0)}.log.1_0-1-0` }],
        },
      },
      outcome: 'taken',
    },
    {
      name: 'rows in a file group of their own',
      ours: {},
      theirs: { partitionToReplaceFileIds: { '': [bucket] } },
      action: 'replacecommit',
      outcome: 'taken',
    },
  ]
  for (const { name, ours, theirs: metadata, action, outcome: expected } of cases)
    it(`${expected === 'taken' ? 'takes' : 'refuses'} ${name}`, async () => {
      const { store, open } = await newTable()
      const journal = await open('a')
      const step = await stagedStep(journal, move, { fileGroups: ours })
      await foreignCommit(store, { instant: at(10), completionTime: at(20) }, metadata, action)
      expect(await outcome(journal.commit(step))).to.equal(expected)
    })

  it('lets the same be staged again when the other commit is known', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    const step = await stagedStep(journal, move, { fileGroups: { created: [bucket] } })
    await foreignCommit(
      store,
      { instant: at(10), completionTime: at(20) },
      { partitionToWriteStats: { '': [baseOf(theirs, 'null')] } },
    )
    const before = journal.foreignCommits
    expect(await outcome(journal.commit(step))).to.equal('COMMIT_CONFLICT')
    expect(journal.foreignCommits).to.equal(before + 1)
    const again = await stagedStep(journal, move, { fileGroups: { logged: [theirs] } })
    expect(await outcome(journal.commit(again))).to.equal('taken')
  })

  for (const { name, fileGroups, expected } of [
    { name: 'refuses a rewrite', fileGroups: { rewritten: [theirs] }, expected: 'COMMIT_CONFLICT' },
    { name: 'takes rows in a file group of their own', fileGroups: {}, expected: 'taken' },
  ])
    it(`${name} when other commits came and left the timeline meanwhile`, async () => {
      const { store, open } = await newTable()
      const rewrite = (fileId: string, ms: number): Promise<string> =>
        foreignCommit(
          store,
          { instant: at(ms), completionTime: at(ms + 5) },
          { partitionToWriteStats: { '': [baseOf(fileId, at(-9))] } },
          'commit',
        )
      const known = await rewrite(theirs, 10)
      const journal = await open('a')
      const step = await stagedStep(journal, move, { fileGroups })
      const unseen = await rewrite(theirs, 20)
      await rewrite('00000007-0000-0000-0000-000000000000-0', 30)
      await store.delete([known, unseen])
      expect(await outcome(journal.commit(step))).to.equal(expected)
      if (expected === 'taken') return
      const again = await stagedStep(journal, move, { fileGroups })
      expect(await outcome(journal.commit(again))).to.equal('taken')
    })

  it('refuses a rewrite when what was pending is neither there nor among the commits any more', async () => {
    const { store, open } = await newTable()
    const pending = `.hoodie/timeline/${at(10)}.commit.requested`
    await store.put(pending, new Uint8Array(0))
    const journal = await open('a')
    const step = await stagedStep(journal, move, { fileGroups: { rewritten: [theirs] } })
    await store.delete([pending])
    await foreignCommit(store, { instant: at(20), completionTime: at(25) }, {}, 'commit')
    expect(await outcome(journal.commit(step))).to.equal('COMMIT_CONFLICT')
  })

  it('never writes to a retired file group, however much later', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    const metadata = { partitionToReplaceFileIds: { '': [bucket] } }
    await foreignCommit(store, { instant: at(10), completionTime: at(20) }, metadata, 'replacecommit')
    await journal.refresh()
    const step = await stagedStep(journal, move, { fileGroups: { created: [bucket] } })
    expect(await outcome(journal.commit(step))).to.equal('COMMIT_CONFLICT')
  })

  it('notices a commit that began long before, once it is complete', async () => {
    const { store, open, clock } = await newTable()
    await store.put(`.hoodie/timeline/${at(10)}.deltacommit.requested`, new Uint8Array(0))
    const journal = await open('a')
    clock.nowAtMs += 3_600_000
    const first = await stagedStep(journal, move)
    await journal.commit(first)
    const more = { fileGroups: { created: [bucket] } }
    const step = await stagedStep(journal, { split: 'log', from: '1', to: '2' }, more)
    const metadata = { partitionToWriteStats: { '': [baseOf(theirs, 'null')] } }
    await foreignCommit(store, { instant: at(10), completionTime: at(3_600_900) }, metadata)
    expect(await outcome(journal.commit(step))).to.equal('COMMIT_CONFLICT')
  })

  it('completes later than a compaction another engine plans with a clock ahead of ours', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    const step = await stagedStep(journal, move, { fileGroups: { logged: [bucket] } })
    const planned = at(30_000)
    await store.put(`.hoodie/timeline/${planned}.compaction.requested`, new Uint8Array(0))
    const { completionTime } = await journal.commit(step)
    expect(completionTime! > planned).to.equal(true)
  })

  it('refuses rows without the columns another engine added, and tells them', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    const step: Step = await stagedStep(journal, move)
    const { columns, key } = journal.state.schema
    const wider = {
      columns: [...columns, { name: 'extra', type: { kind: 'int32' }, nullable: true } as const],
      key,
    }
    const schema = JSON.stringify(avroSchemaOf('orders', wider, { metaFields: false }))
    await foreignCommit(store, { instant: at(10), completionTime: at(20) }, { extraMetadata: { schema } })
    expect(await outcome(journal.commit(step))).to.equal('COMMIT_CONFLICT')
    expect(journal.foreignSchema?.columns.map(({ name }) => name)).to.deep.equal([
      'id',
      'note',
      '_sluice_seq',
      'extra',
    ])
    const opened = await open('b')
    expect(opened.foreignSchema).to.deep.equal(wider)
  })

  it('says which column another engine added that cannot be held', async () => {
    const { store, open } = await newTable()
    const local = { type: 'long', logicalType: 'local-timestamp-micros' }
    const extra = { name: 'extra', type: ['null', local], default: null }
    const record = avroSchemaOf('orders', shopDefinition.schema, { metaFields: false })
    const schema = JSON.stringify({ ...record, fields: [...record.fields, extra] })
    await foreignCommit(store, { instant: at(10), completionTime: at(20) }, { extraMetadata: { schema } })
    const journal = await open('a')
    const step = await stagedStep(journal, move)
    expect(await outcome(journal.commit(step))).to.equal('LAKE_TYPE_UNSUPPORTED')
  })

  it('does not put back an instant that another engine archived', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    await journal.commit(await stagedStep(journal, move))
    const ours = await commitsOf(store)
    const { completionTime } = ours[0]!
    const later = (ms: number): string => formatInstant(parseInstant(completionTime!) + ms)
    const path = await foreignCommit(store, { instant: later(10), completionTime: later(20) }, {})
    const archived: string[] = []
    for await (const { path: old } of store.list('.hoodie/timeline/')) if (old !== path) archived.push(old)
    await store.delete(archived)
    await open('b')
    await journal.refresh()
    const left: string[] = []
    for await (const { path: there } of store.list('.hoodie/timeline/')) left.push(there)
    expect(left).to.deep.equal([path])
  })

  it('stops every step when Hudi Streamer went on with the table, also of a journal opened later', async () => {
    const { store, open } = await newTable()
    const journal = await open('a')
    const step = await stagedStep(journal, move)
    const extraMetadata = { 'streamer.checkpoint.key.v2': 'orders,0:7' }
    await foreignCommit(store, { instant: at(10), completionTime: at(20) }, { extraMetadata })
    expect(await outcome(journal.commit(step))).to.equal('LAKE_CHECKPOINT_MOVED')
    expect(await outcome(journal.commit({ ...step, kind: 'advance', instant: null, action: null }))).to.equal(
      'LAKE_CHECKPOINT_MOVED',
    )
    expect(await outcome(open('b'))).to.equal('LAKE_CHECKPOINT_MOVED')
  })

  it('removes a metadata table before it commits, when it may, and accepts version 9 with it', async () => {
    const { store, clock } = await newTable()
    const sharing = { metadataTable: 'remove', concurrency: 'exclusive' } as const
    const { signal } = new AbortController()
    const journal = await Journal.open(store, { clock, writer: 'a', signal, sharing })
    const step = await stagedStep(journal, move)
    const path = '.hoodie/hoodie.properties'
    const before = decodeProperties((await store.get(path))!)
    const made = new Map([
      ...before,
      ['hoodie.table.version', '9'],
      ['hoodie.table.metadata.partitions', 'column_stats,files'],
      ['hoodie.table.metadata.partitions.inflight', 'record_index'],
    ])
    await store.put(path, encodeProperties(made, 'made'))
    await store.put(`${path}.backup`, encodeProperties(made, 'made'))
    await store.put('.hoodie/metadata/files/some.hfile', new Uint8Array(1))
    expect(await outcome(journal.commit(step))).to.equal('taken')
    expect([...decodeProperties((await store.get(path))!)]).to.deep.equal([
      ...new Map([...before, ['hoodie.table.version', '9']]),
    ])
    const left: string[] = []
    for await (const { path: there } of store.list('.hoodie/metadata')) left.push(there)
    expect(left).to.deep.equal([])
    expect(await store.get(`${path}.backup`)).to.equal(null)
  })

  it('does not rely on an engine to see a base file whose instant is older than what was complete', async () => {
    const { store, clock, open } = await newTable()
    const sharing = { metadataTable: 'fail', concurrency: 'shared' } as const
    const still = { ...clock, nowMs: () => clock.nowAtMs, sleep: sleepUntilAborted }
    const { signal } = new AbortController()
    const journal = await Journal.open(store, { clock: still, writer: 'a', signal, sharing })
    const more = { fileGroups: { created: [bucket] } }
    const step = await stagedStep(journal, move, more)
    const other = await open('b')
    await other.commit(await stagedStep(other, { split: 'other', from: null, to: '1' }))
    await store.put(`.hoodie/timeline/${at(9_000)}.deltacommit.requested`, new Uint8Array(0))
    expect(await outcome(journal.commit(step))).to.equal('COMMIT_CONFLICT')
    await journal.refresh()
    expect(await outcome(journal.commit(await stagedStep(journal, move, more)))).to.equal('taken')
  })
})

function sleepUntilAborted(_: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => signal?.addEventListener('abort', () => resolve()))
}
