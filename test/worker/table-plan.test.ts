import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import { PositionLostError } from '#common/errors.ts'
import type { DiscoveredTable, SourcePlan, SourceTable, Target } from '#connectors/connector.ts'
import type { PlanSource } from '#worker/table-plan.ts'
import { TablePlanner } from '#worker/table-plan.ts'
import { FakeWriter, schema } from './fake-ends.ts'

const { signal } = new AbortController()
const plan = {
  discovery: { include: ['*'], exclude: [] },
  tables: [{ include: 't', exclude: [], targetTable: null, key: null, options: {} }],
  mode: 'snapshotAndStream',
  start: 'earliest',
} as unknown as Plan

/** A target whose table lanes write to, while the source is asked. */
function plannerOf(ask: (positions: ReadonlyMap<string, string>) => void): {
  planner: TablePlanner
  held: Map<string, string>
} {
  const held = new Map([['log', '1']])
  const target = { openTable: () => Promise.resolve(new FakeWriter(held)) } as unknown as Target
  const source: PlanSource = {
    discover: () =>
      Promise.resolve([{ name: 't', schema, estimatedBytes: 0, estimatedRows: 0 }] as DiscoveredTable[]),
    plan: async ([table]: readonly SourceTable[]): Promise<SourcePlan> => {
      ask(table!.positions)
      return { splits: [], initialPositions: new Map() }
    },
  }
  return { planner: new TablePlanner(plan, source, target), held }
}

const lost = (): PositionLostError => new PositionLostError('gone', { code: 'PG_SLOT_LOST' })

describe('TablePlanner', () => {
  it('does not take for lost what lanes committed, and the source forgot, while it asked', async () => {
    const asked: (string | undefined)[] = []
    const { planner, held } = plannerOf(positions => {
      asked.push(positions.get('log'))
      if (asked.length > 2) return
      held.set('log', String(asked.length + 1))
      throw lost()
    })
    await planner.refresh(signal)
    expect(asked).to.deep.equal(['1', '2', '3'])
  })

  it('says that positions are lost when they are still those of the tables', async () => {
    let asked = 0
    const { planner } = plannerOf(() => {
      asked++
      throw lost()
    })
    expect(await planner.refresh(signal).catch((error: unknown) => error)).to.be.instanceOf(PositionLostError)
    expect(asked).to.equal(2)
  })
})
