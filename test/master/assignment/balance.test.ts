import { expect } from 'chai'
import fc from 'fast-check'
import { even, place } from '#master/assignment/balance.ts'
import type { Carrier, Piece } from '#master/assignment/balance.ts'

const carriers = (capacities: readonly number[]): Carrier[] =>
  capacities.map((capacity, at) => ({ id: `w${at}`, capacity }))
const pieces = (weights: readonly number[], carrier: string | null = null): Piece[] =>
  weights.map((weight, at) => ({ id: `s${at}`, weight, carrier }))
const loads = (list: readonly Piece[], workers: readonly Carrier[]): number[] =>
  workers.map(({ id, capacity }) =>
    list.reduce((sum, piece) => sum + (piece.carrier === id ? piece.weight / capacity : 0), 0),
  )
const applied = (list: readonly Piece[], moves: ReadonlyMap<string, string>): Piece[] =>
  list.map(piece => ({ ...piece, carrier: moves.get(piece.id) ?? piece.carrier }))

const weights = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 })
const capacities = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 })

describe('place', () => {
  it('gives each piece that nobody carries to one worker, and leaves the others', () => {
    fc.assert(
      fc.property(weights, capacities, (list, workers) => {
        const held = pieces(list).map((piece, at) => (at % 3 === 0 ? { ...piece, carrier: 'w0' } : piece))
        const placed = place(held, carriers(workers))
        expect([...placed.keys()].toSorted()).to.deep.equal(
          held
            .filter(({ carrier }) => carrier === null)
            .map(({ id }) => id)
            .toSorted(),
        )
      }),
    )
  })

  it('gives a worker of twice the capacity twice the weight', () => {
    const owners = [...place(pieces(Array(30).fill(1)), carriers([1, 2])).values()]
    const [small, large] = ['w0', 'w1'].map(id => owners.filter(owner => owner === id).length)
    expect([small, large]).to.deep.equal([10, 20])
  })

  it('places nothing where nobody is', () => {
    expect(place(pieces([1, 2]), [])).to.deep.equal(new Map())
  })
})

describe('even', () => {
  it('takes equal pieces from one worker with the fewest moves there can be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 8 }), (count, workers) => {
        const list = pieces(Array(count).fill(1), 'w0')
        const moves = even(list, carriers(Array(workers).fill(1)))
        const after = loads(applied(list, moves), carriers(Array(workers).fill(1)))
        expect(Math.max(...after) - Math.min(...after)).to.be.at.most(Math.max(1, (count / workers) * 0.1))
        expect(moves.size).to.be.at.most(count - Math.floor(count / workers))
      }),
    )
  })

  it('makes no worker carry more than the most loaded one did, and has nothing to do the next time', () => {
    fc.assert(
      fc.property(weights, capacities, fc.infiniteStream(fc.nat()), (list, workers, at) => {
        const all = carriers(workers)
        const held = pieces(list).map(piece => ({
          ...piece,
          carrier: `w${at.next().value! % workers.length}`,
        }))
        let now = applied(held, even(held, all))
        expect(Math.max(...loads(now, all))).to.be.at.most(Math.max(...loads(held, all)) + 1e-9)
        for (let again = even(now, all), runs = 0; again.size > 0; again = even(now, all)) {
          expect(++runs, 'runs until nothing moves').to.be.at.most(3)
          now = applied(now, again)
        }
      }),
    )
  })

  it('spreads 5,000 pieces of as many weights over 64 workers', () => {
    const list = pieces(
      Array.from({ length: 5000 }, (_, at) => 1 + at / 100),
      'w0',
    )
    const all = carriers(Array(64).fill(1))
    // Would take minutes if each piece were looked at for each move.
    const after = loads(applied(list, even(list, all)), all)
    expect(Math.max(...after) / Math.min(...after)).to.be.at.most(1.12)
  })

  it('leaves what differs by less than a tenth', () => {
    const list = [...pieces(Array(21).fill(1), 'w0'), ...pieces(Array(19).fill(1), 'w1')].map(
      (piece, at) => ({
        ...piece,
        id: `s${at}`,
      }),
    )
    expect(even(list, carriers([1, 1]))).to.deep.equal(new Map())
  })

  it('does not carry a heavy piece from one worker to the other and back', () => {
    expect(even([{ id: 's', weight: 9, carrier: 'w0' }], carriers([1, 1]))).to.deep.equal(new Map())
  })
})
