import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { FencedError, TransientError } from '#common/errors.ts'
import type { Split } from '#connectors/connector.ts'
import type { FromLane } from '#worker/lane-protocol.ts'
import { Session } from '#worker/session.ts'
import { FakeSource, FakeWriter, changesOf, schema } from '#test/worker/fake-ends.ts'

const bounded = (id: string, tables = ['a']): Split => ({ id, tables, bounded: true, stage: 0, weight: 1 })
const log = (tables = ['a', 'b']): Split => ({ id: 'log', tables, bounded: false, stage: 1, weight: 1 })

interface Setup {
  source: FakeSource
  writers: Record<string, FakeWriter>
  reports: FromLane[]
  session: Session
}

function setUp(
  splits: Split[],
  writers: Record<string, FakeWriter>,
  { bufferBytesMax = 1 << 20, isShared = false } = {},
): Setup {
  const source = new FakeSource()
  const reports: FromLane[] = []
  const tables = Object.entries(writers).map(([name, writer]) => ({
    granted: {
      source: { name, schema, mode: 'snapshotAndStream' as const, start: 'earliest' },
      target: {
        name,
        schema,
        estimatedBytes: 0,
        estimatedRows: 0,
        options: {},
        schemaEvolution: 'evolve' as const,
      },
    },
    writer,
  }))
  const make = () =>
    new Session({
      source,
      splits,
      tables,
      bufferBytesMax,
      freshnessMs: 200,
      clock: systemClock,
      report: message => reports.push(message),
      isShared,
    })
  return {
    source,
    writers,
    reports,
    get session() {
      return make()
    },
  }
}

const idle = () => new AbortController().signal
const committed = (writer: FakeWriter) => writer.commits.flatMap(commit => commit.values)

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('did not come true')
    await systemClock.sleep(10)
  }
}

describe('session', () => {
  it('tells of a read before the commit of it: what is read later counts as not yet in the table', async () => {
    const { source, reports, session } = setUp([log(['a'])], { a: new FakeWriter() })
    source.add('log', { changes: [changesOf('a', [1])], position: '1', newestAtMs: 1 })
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => reports.some(({ kind }) => kind === 'moved'))
    await systemClock.sleep(20)
    drain.abort()
    await running
    const kinds = reports.map(({ kind }) => kind).filter(kind => kind === 'read' || kind === 'moved')
    expect(kinds).to.deep.equal(['read', 'moved'])
  })

  it('tells with the backlog of a split how many of its rows it committed', async () => {
    const { source, reports, session } = setUp([log(['a', 'b']), { ...log(['a']), id: 'other' }], {
      a: new FakeWriter(),
      b: new FakeWriter(),
    })
    source.add('log', { changes: [changesOf('a', [1, 2]), changesOf('b', [3])], position: '1' })
    source.add('log', { changes: [changesOf('a', [5])], position: '2' })
    source.add('other', { changes: [changesOf('a', [4])], position: '1' })
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => reports.filter(({ kind }) => kind === 'backlog').length === 2)
    drain.abort()
    await running
    const told = reports.flatMap(report =>
      report.kind === 'backlog' ? [[report.split, report.committedRows]] : [],
    )
    expect(told).to.deep.equal([
      ['log', 4],
      ['other', 1],
    ])
  })

  it('commits bounded splits to their end, with their positions, and returns', async () => {
    const { source, writers, session } = setUp([bounded('s1'), bounded('s2')], { a: new FakeWriter() })
    source.add('s1', { changes: [changesOf('a', [1, 2])], position: '1' })
    source.add('s1', { changes: [changesOf('a', [3])], position: '2' })
    source.add('s2', { changes: [changesOf('a', [4])], position: '1' })
    await session.run(idle(), idle())
    expect(committed(writers['a']!)).to.deep.equal([1, 2, 3, 4])
    expect([...writers['a']!.held]).to.deep.equal([
      ['s1', '2'],
      ['s2', '1'],
    ])
    expect(source.acknowledged.get('s1')!.at(-1)).to.equal('2')
  })

  it('reads on only when what came first is committed', async () => {
    const { source, writers, session } = setUp([bounded('s')], { a: new FakeWriter() })
    for (const n of [1, 2, 3]) source.add('s', { changes: [changesOf('a', [n])], position: String(n) })
    const commitsBefore: number[] = []
    source.beforeChunk = () => void commitsBefore.push(writers['a']!.commits.length)
    writers['a']!.beforeCommit = () => systemClock.sleep(50)
    await session.run(idle(), idle())
    expect(commitsBefore.slice(0, 2)).to.deep.equal([0, 1])
    expect(writers['a']!.commits[0]!.values).to.deep.equal([1])
  })

  it('reads on at once when what came first has no rows, or is half a transaction', async () => {
    const { source, writers, session } = setUp([log(['a'])], { a: new FakeWriter() })
    source.add('log', { changes: [changesOf('a', [])], position: '1' })
    source.add('log', { changes: [changesOf('a', [1])], position: null })
    source.add('log', { changes: [changesOf('a', [2])], position: '2' })
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => committed(writers['a']!).length === 2)
    drain.abort()
    await running
  })

  it('never commits half a transaction, and commits it whole when its end comes', async () => {
    const { source, writers, session } = setUp([log(['a'])], { a: new FakeWriter() })
    source.add('log', { changes: [changesOf('a', [1])], position: '1' })
    source.add('log', { changes: [changesOf('a', [2])], position: null })
    source.add('log', { changes: [changesOf('a', [3])], position: null })
    source.beforeChunk = async (_, index) => {
      if (index === 2) await systemClock.sleep(300)
    }
    source.add('log', { changes: [changesOf('a', [4])], position: '4' })
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => committed(writers['a']!).length === 4)
    drain.abort()
    await running
    for (const commit of writers['a']!.commits)
      expect([[1], [2, 3, 4], [1, 2, 3, 4]]).to.deep.include(commit.values)
  })

  it('leaves half a transaction out when it is told to drain', async () => {
    const { source, writers, session } = setUp([log(['a'])], { a: new FakeWriter() })
    source.add('log', { changes: [changesOf('a', [1])], position: '1' })
    source.add('log', { changes: [changesOf('a', [2])], position: null })
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await systemClock.sleep(50)
    drain.abort()
    await running
    expect(committed(writers['a']!).filter(value => value === 2)).to.deep.equal([])
    expect(writers['a']!.staged).to.deep.equal([])
  })

  it('moves a table that had no rows along, so that it holds the source back no longer than needed', async () => {
    const { source, writers, session } = setUp([log()], { a: new FakeWriter(), b: new FakeWriter() })
    source.add('log', { changes: [changesOf('a', [1])], position: '7' })
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => committed(writers['a']!).length === 1)
    expect(source.acknowledged.get('log'), 'b has not moved yet').to.equal(undefined)
    drain.abort()
    await running
    expect(writers['b']!.held.get('log')).to.equal('7')
    expect(source.acknowledged.get('log')).to.deep.equal(['7'])
  })

  it('does not take a table back that joined later than where the log is read from', async () => {
    const b = new FakeWriter(new Map([['log', '20']]))
    const { source, writers, session } = setUp([log()], { a: new FakeWriter(new Map([['log', '1']])), b })
    for (let n = 2; n <= 10; n++) source.add('log', { changes: [changesOf('a', [n])], position: String(n) })
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => committed(writers['a']!).length === 9)
    drain.abort()
    await running
    expect(b.held.get('log')).to.equal('20')
  })

  it('says whose table services it looks after as soon as it begins', async () => {
    const served = Object.assign(new FakeWriter(), { maintain: () => Promise.resolve(true) })
    const { reports, session } = setUp([bounded('s')], { a: served, b: new FakeWriter() })
    await session.run(idle(), idle())
    const begun = reports.flatMap(report => (report.kind === 'service-begun' ? [report.table] : []))
    expect(begun).to.deep.equal(['a'])
  })

  it('acknowledges only what every table holds, and never backwards', async () => {
    const { source, writers, session } = setUp([log()], {
      a: new FakeWriter(new Map([['log', '1']])),
      b: new FakeWriter(new Map([['log', '1']])),
    })
    writers['b']!.beforeCommit = () => systemClock.sleep(150)
    for (let n = 2; n < 30; n++)
      source.add('log', { changes: [changesOf('a', [n]), changesOf('b', [n])], position: String(n) })
    const original = source.acknowledge.bind(source)
    source.acknowledge = (split, position) => {
      for (const writer of Object.values(writers))
        expect(Number(writer.held.get('log'))).to.be.at.least(Number(position))
      return original(split, position)
    }
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => committed(writers['b']!).length === 28)
    drain.abort()
    await running
    const acknowledged = source.acknowledged.get('log')!.map(Number)
    expect(acknowledged).to.deep.equal(acknowledged.toSorted((x, y) => x - y))
    expect(acknowledged.at(-1)).to.equal(29)
  })

  it('ends whole on a failure, drops what was staged, and the next run goes on from what the target holds', async () => {
    const setup = setUp([bounded('s1')], { a: new FakeWriter() })
    for (let n = 1; n <= 20; n++)
      setup.source.add('s1', { changes: [changesOf('a', [n])], position: String(n) })
    let failures = 3
    setup.source.beforeChunk = (_, index) => {
      if (index === 10 && failures-- > 0)
        throw new TransientError('connection reset', { code: 'SOURCE_UNREACHABLE' })
    }
    for (;;) {
      const outcome = await setup.session.run(idle(), idle()).then(
        () => null,
        (error: unknown) => error,
      )
      if (outcome === null) break
      expect(outcome).to.be.instanceOf(TransientError)
      expect(setup.writers['a']!.staged).to.deep.equal([])
    }
    expect(committed(setup.writers['a']!)).to.deep.equal(Array.from({ length: 20 }, (_, n) => n + 1))
  })

  it('hands a fenced commit on as the failure it is', async () => {
    const { source, writers, session } = setUp([bounded('s1')], { a: new FakeWriter() })
    source.add('s1', { changes: [changesOf('a', [1])], position: '1' })
    writers['a']!.beforeCommit = () => {
      throw new TransientError('503 Slow Down', { code: 'SOURCE_UNREACHABLE' })
    }
    expect(
      await session.run(idle(), idle()).then(
        () => null,
        (error: Error) => error.message,
      ),
    ).to.equal('503 Slow Down')
    expect(source.acknowledged.size).to.equal(0)
  })

  it('is fenced when its writer has learned that another moved the split it reads', async () => {
    const { source, writers, session } = setUp([bounded('s1')], { a: new FakeWriter() })
    source.add('s1', { changes: [changesOf('a', [1])], position: '1' })
    source.add('s1', { changes: [changesOf('a', [2])], position: '2' })
    source.beforeChunk = async (_, index) => {
      if (index === 0) return
      await until(() => writers['a']!.held.get('s1') === '1')
      writers['a']!.held.set('s1', '5')
    }
    const outcome = await session.run(idle(), idle()).then(
      () => null,
      (error: unknown) => error,
    )
    expect(outcome).to.be.instanceOf(FencedError)
    expect(committed(writers['a']!)).to.deep.equal([1])
    expect(writers['a']!.held.get('s1')).to.equal('5')
  })

  it('keeps what it holds within the budget, however slow the target is', async () => {
    const { source, writers, session } = setUp(
      [bounded('s1')],
      { a: new FakeWriter() },
      { bufferBytesMax: 2000 },
    )
    let read = 0
    source.beforeChunk = () => {
      read++
    }
    for (let n = 1; n <= 300; n++) source.add('s1', { changes: [changesOf('a', [n])], position: String(n) })
    writers['a']!.beforeCommit = async () => {
      const held = read - committed(writers['a']!).length - writers['a']!.staged.length
      expect(held * 17).to.be.at.most(2000 + 2 * 17)
      await systemClock.sleep(1)
    }
    await session.run(idle(), idle())
    expect(committed(writers['a']!)).to.have.length(300)
  })

  it('takes in half as much while a table commits that writes itself anew: the commit holds the rest', async () => {
    for (const [rewritesOnCommit, shareMax] of [
      [true, 0.5],
      [false, 1],
    ] as const) {
      const writer = Object.assign(new FakeWriter(), { rewritesOnCommit })
      const { source, session } = setUp([bounded('s1')], { a: writer }, { bufferBytesMax: 2000 })
      let read = 0
      source.beforeChunk = () => {
        read++
      }
      for (let n = 1; n <= 300; n++) source.add('s1', { changes: [changesOf('a', [n])], position: String(n) })
      const held: number[] = []
      writer.beforeCommit = async () => {
        await systemClock.sleep(5)
        held.push((read - committed(writer).length - writer.staged.length) * 17)
      }
      await session.run(idle(), idle())
      expect(committed(writer)).to.have.length(300)
      expect(Math.max(...held)).to.be.within(2000 * shareMax * 0.8, 2000 * shareMax + 2 * 17)
    }
  })

  it('writes what waited through a commit in parts, for a table that reads them once and writes itself anew', async () => {
    for (const [rewritesOnCommit, rowsMin, rowsMax] of [
      [true, 10, Math.floor(2000 / 4 / 17)],
      [false, 100, 2000 / 17],
    ] as const) {
      const writer = Object.assign(new FakeWriter(), { rewritesOnCommit })
      const { source, session } = setUp([bounded('s1')], { a: writer }, { bufferBytesMax: 2000 })
      for (let n = 1; n <= 300; n++) source.add('s1', { changes: [changesOf('a', [n])], position: String(n) })
      // Long enough for the whole budget to fill.
      writer.beforeCommit = () => systemClock.sleep(5)
      await session.run(idle(), idle())
      expect(committed(writer)).to.deep.equal(Array.from({ length: 300 }, (_, n) => n + 1))
      expect(Math.max(...writer.stagedRows)).to.be.within(rowsMin, rowsMax)
    }
  })

  it('spreads a transaction over more tables than there is room for without coming to a halt', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `t${n}`)
    const writers = Object.fromEntries(names.map(name => [name, new FakeWriter()]))
    const { source, session } = setUp([{ ...bounded('s1', names) }], writers, { bufferBytesMax: 100 })
    for (let round = 0; round < 5; round++)
      for (const name of names) source.add('s1', { changes: [changesOf(name, [round])], position: null })
    source.add('s1', { position: '1' })
    await session.run(idle(), idle())
    for (const name of names) expect(committed(writers[name]!)).to.deep.equal([0, 1, 2, 3, 4])
  })

  it('keeps a truncate between the rows before and after it', async () => {
    const { source, writers, session } = setUp([bounded('s1')], { a: new FakeWriter() })
    const truncated = { ...changesOf('a', [3]), truncate: { sequence: 2n } }
    source.add('s1', { changes: [changesOf('a', [1, 2]), truncated, changesOf('a', [4])], position: '1' })
    await session.run(idle(), idle())
    expect(committed(writers['a']!)).to.deep.equal([1, 2, -1, 3, 4])
  })

  it('tells in a shared job when each bounded split is committed to its end', async () => {
    const splits = ['s1', 's2', 's3'].map(id => bounded(id))
    const { source, writers, reports, session } = setUp(splits, { a: new FakeWriter() }, { isShared: true })
    source.add('s1', { changes: [changesOf('a', [1])], position: '1' })
    source.add('s2', { changes: [changesOf('a', [2])], position: '1' })
    writers['a']!.beforeCommit = () => systemClock.sleep(20)
    const told: string[] = []
    const push = reports.push.bind(reports)
    reports.push = (...messages) => {
      for (const message of messages) {
        if (message.kind !== 'reached-end') continue
        told.push(message.split)
        if (message.split !== 's3') expect(writers['a']!.held.get(message.split)).to.equal('1')
      }
      return push(...messages)
    }
    await session.run(idle(), idle())
    expect(told.toSorted()).to.deep.equal(['s1', 's2', 's3'])
  })

  it('names all its splits in the first commit in a shared job, so that who read them before is fenced at once', async () => {
    const splits = ['p0', 'p1', 'p2'].map(id => ({ ...log(['a']), id }))
    const { source, writers, session } = setUp(splits, { a: new FakeWriter() }, { isShared: true })
    for (const { id } of splits) source.add(id, { changes: [changesOf('a', [1])], position: '1' })
    source.beforeChunk = split => (split.id === 'p2' ? systemClock.sleep(5) : undefined)
    const drain = new AbortController()
    const running = session.run(drain.signal, idle())
    await until(() => writers['a']!.commits.length > 0)
    expect(writers['a']!.commits[0]!.moves.map(({ split }) => split).toSorted()).to.deep.equal([
      'p0',
      'p1',
      'p2',
    ])
    drain.abort()
    await running
  })
})
