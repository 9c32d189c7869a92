import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import type { PositionMove } from '#catalog/position.ts'
import { resyncMark } from '#catalog/position.ts'
import { ConfigError } from '#common/errors.ts'
import type { DiscoveredTable, SourcePlan, SourceTable, Target } from '#connectors/connector.ts'
import type { PlanSource } from '#worker/table-plan.ts'
import { TablePlanner } from '#worker/table-plan.ts'
import { FakeWriter, schema } from './fake-ends.ts'

const { signal } = new AbortController()
const keyed = { ...schema, key: ['id'] }

class Bed {
  readonly held = new Map<string, Map<string, string>>()
  /** What the source was asked to plan, last. */
  asked: readonly SourceTable[] = []
  given: SourcePlan = { splits: [], initialPositions: new Map() }
  source: PlanSource
  /** Tables that were started over. */
  readonly emptied: string[] = []
  refusal: string | null = null
  /** Runs when a commit was decided, and before it is made. */
  onCommit: () => void = () => undefined

  constructor(tables: Record<string, DiscoveredTable['schema']>) {
    this.source = {
      discover: () =>
        Promise.resolve(
          Object.entries(tables).map(([name, of]) => {
            return { name, schema: of, estimatedBytes: 0, estimatedRows: 0 }
          }),
        ),
      plan: asked => {
        this.asked = asked
        return Promise.resolve(this.given)
      },
      checkResync: () => Promise.resolve(),
    }
  }

  planner(resync: { id: string; tables: string[] } | null): TablePlanner {
    const plan = {
      source: { name: 's' },
      discovery: { include: ['*'], exclude: [] },
      tables: [{ include: '*', exclude: [], targetTable: null, key: null, options: {} }],
      mode: 'snapshotAndStream',
      start: 'earliest',
      ...(resync === null ? {} : { resync }),
    } as unknown as Plan
    const openTable: Target['openTable'] = ({ name }) => {
      const writer = new FakeWriter(this.held.get(name) ?? new Map())
      this.held.set(name, writer.held)
      writer.beforeCommit = () => this.onCommit()
      const startOver = async (moves: readonly PositionMove[]): Promise<void> => {
        this.emptied.push(name)
        await writer.commit(moves)
      }
      return Promise.resolve(Object.assign(writer, { startOver, startOverRefusal: this.refusal }))
    }
    return new TablePlanner(plan, this.source, { openTable } as unknown as Target)
  }

  positions(table: string): Record<string, string> {
    return Object.fromEntries(this.held.get(table) ?? [])
  }
}

describe('a resync of tables', () => {
  it('gives up the positions of those it names, and of no others', async () => {
    const bed = new Bed({ a: keyed, b: keyed })
    for (const table of ['a', 'b']) bed.held.set(table, new Map([['log', '7']]))
    await bed.planner({ id: 'one', tables: ['a'] }).refresh(signal)
    expect(bed.positions('a')).to.deep.equal({ [resyncMark]: 'one' })
    expect(bed.positions('b')).to.deep.equal({ log: '7' })
    const asked = bed.asked.map(({ name, positions, replaces }) => [name, [...positions], replaces])
    expect(asked).to.deep.equal([
      ['a', [], true],
      ['b', [['log', '7']], undefined],
    ])
  })

  it('goes on, where a worker died after it had begun, also by a plan that does not ask for it', async () => {
    const bed = new Bed({ a: keyed })
    bed.held.set('a', new Map([[resyncMark, 'one']]))
    await bed.planner(null).refresh(signal)
    expect(bed.asked[0]!.replaces).to.equal(true)
    expect([...bed.asked[0]!.positions]).to.deep.equal([])
  })

  it('leaves a table alone that had it, or is new', async () => {
    const bed = new Bed({ a: keyed, b: keyed })
    const done = new Map([
      ['log', '9'],
      [resyncMark, 'one'],
    ])
    bed.held.set('a', new Map(done))
    bed.given = { splits: [], initialPositions: new Map([['b', new Map([['log', '9']])]]) }
    await bed.planner({ id: 'one', tables: ['*'] }).refresh(signal)
    for (const table of ['a', 'b'])
      expect(bed.positions(table), table).to.deep.equal(Object.fromEntries(done))
    expect(bed.asked.every(({ replaces }) => replaces === undefined)).to.equal(true)
  })

  it('tries again when another worker moves the table on meanwhile', async () => {
    const bed = new Bed({ a: keyed })
    const held = new Map([['log', '1']])
    bed.held.set('a', held)
    let commits = 0
    bed.onCommit = () => {
      if (++commits <= 3) held.set('log', String(commits + 1))
    }
    await bed.planner({ id: 'one', tables: ['*'] }).refresh(signal)
    expect(commits).to.equal(4)
    expect(bed.positions('a')).to.deep.equal({ [resyncMark]: 'one' })
  })

  it('empties a table without a key, in the step in which it begins it anew', async () => {
    const bed = new Bed({ a: schema })
    bed.held.set('a', new Map([['t/0', '7']]))
    await bed.planner({ id: 'one', tables: ['*'] }).refresh(signal)
    expect(bed.emptied).to.deep.equal(['a'])
    expect(bed.positions('a')).to.deep.equal({ [resyncMark]: 'one' })
    expect(bed.asked[0]!.replaces, 'there is nothing to replace').to.equal(undefined)
  })

  it('refuses a table that cannot be emptied, and a source that cannot, and a check says so before', async () => {
    const cases = [
      { bed: new Bed({ a: schema }), says: 'it is so' },
      { bed: new Bed({ a: keyed }), says: 'this type of source' },
    ]
    cases[0]!.bed.refusal = 'it is so'
    delete cases[1]!.bed.source.checkResync
    for (const { bed, says } of cases) {
      bed.held.set('a', new Map([['log', '1']]))
      for (const look of ['refresh', 'check'] as const) {
        const refused: unknown = await bed
          .planner({ id: 'one', tables: ['*'] })
          [look](signal)
          .catch((error: unknown) => error)
        expect(refused, look).to.be.instanceOf(ConfigError)
        expect(refused).to.include({ code: 'RESYNC_UNSUPPORTED' })
        expect(String(refused)).to.contain(says)
      }
      expect(bed.positions('a')).to.deep.equal({ log: '1' })
    }
  })

  it('is not begun by a check', async () => {
    const bed = new Bed({ a: keyed })
    bed.held.set('a', new Map([['log', '1']]))
    await bed.planner({ id: 'one', tables: ['*'] }).check(signal)
    expect(bed.positions('a')).to.deep.equal({ log: '1' })
  })

  it('is done with a table when no bounded split of it is left', async () => {
    const bed = new Bed({ a: keyed, b: keyed, c: keyed })
    const bounded = { bounded: true, stage: 0, weight: 1 }
    bed.given = {
      splits: [
        { id: 'snapshot/a/0', tables: ['a'], ...bounded },
        { id: 'snapshot/c/0', tables: ['c'], ...bounded },
        { id: 'log', tables: ['a', 'b', 'c'], bounded: false, stage: 1, weight: 1 },
      ],
      initialPositions: new Map(),
    }
    const { resync } = await bed.planner({ id: 'one', tables: ['a', 'b'] }).refresh(signal)
    expect(resync).to.deep.equal({ id: 'one', tables: 2, left: ['a'] })
    expect((await bed.planner(null).refresh(signal)).resync).to.equal(null)
    bed.given = { ...bed.given, postponed: ['b', 'c'] }
    const later = await bed.planner({ id: 'one', tables: ['a', 'b'] }).refresh(signal)
    expect(later.resync?.left, 'nor is one of which none is planned yet').to.deep.equal(['a', 'b'])
  })
})
