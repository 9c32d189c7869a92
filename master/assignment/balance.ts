// Which worker carries which split: as even as whole splits allow, with as few moves as that takes. A move costs a
// drain and a new start, so a split stays where it is unless it goes from a worker to one that carries less by more
// than a tenth of the average, and the more loaded of the two then carries less than before.

export interface Carrier {
  id: string
  /** What it can carry beside others; a worker with twice the capacity carries twice the weight. */
  capacity: number
}

export interface Piece {
  id: string
  /** Relative cost, greater than 0. */
  weight: number
  /** Who carries it; null or somebody unknown: nobody. */
  carrier: string | null
}

/** Loads that differ by no more than this part of the average are even. */
const gapMin = 0.1

interface Load {
  carrier: Carrier
  /** The lightest first. */
  pieces: Piece[]
  weight: number
}

/** Those that nobody carries, each with who should: the heaviest first, to who is then loaded least. */
export function place(pieces: readonly Piece[], carriers: readonly Carrier[]): Map<string, string> {
  const placed = new Map<string, string>()
  if (carriers.length === 0) return placed
  const { loads, orphans } = weigh(pieces, carriers)
  for (const piece of orphans.toSorted((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))) {
    const least = loads.reduce((best, load) => (after(load, piece) < after(best, piece) ? load : best))
    least.weight += piece.weight
    placed.set(piece.id, least.carrier.id)
  }
  return placed
}

/** Moves that make the load even, each piece with its new carrier. All pieces have one of the carriers. */
export function even(pieces: readonly Piece[], carriers: readonly Carrier[]): Map<string, string> {
  const moved = new Map<string, string>()
  const { loads } = weigh(pieces, carriers)
  const total = (of: (load: Load) => number): number => loads.reduce((sum, load) => sum + of(load), 0)
  const gapLeast = (gapMin * total(load => load.weight)) / total(load => load.carrier.capacity)
  // Every move makes two loads more alike, so there is an end; the bound is for what rounding may do.
  for (let moves = 0; moves < pieces.length; moves++) {
    const move = bestMove(loads, gapLeast)
    if (move === null) break
    const [piece] = move.from.pieces.splice(move.at, 1)
    move.from.weight -= piece!.weight
    move.to.pieces.splice(firstOf(move.to.pieces, piece!.weight), 0, piece!)
    move.to.weight += piece!.weight
    moved.set(piece!.id, move.to.carrier.id)
  }
  for (const { id, carrier } of pieces) if (moved.get(id) === carrier) moved.delete(id)
  return moved
}

interface Move {
  from: Load
  /** Index of the piece. */
  at: number
  to: Load
  /** By how much the more loaded of the two becomes lighter. */
  gain: number
}

/** The move that gains most for the most loaded worker that gains from one. */
function bestMove(loads: readonly Load[], gapLeast: number): Move | null {
  for (const from of loads.toSorted((a, b) => relative(b) - relative(a))) {
    let best: Move | null = null
    for (const to of loads) {
      if (relative(from) - relative(to) <= gapLeast) continue
      const move = bestBetween(from, to)
      if (move !== null && (best === null || isBetter(move, best))) best = move
    }
    if (best !== null) return best
  }
  return null
}

/** The piece whose weight comes nearest to what would make both the same. */
function bestBetween(from: Load, to: Load): Move | null {
  const capacities = [from.carrier.capacity, to.carrier.capacity] as const
  const ideal = (from.weight * capacities[1] - to.weight * capacities[0]) / (capacities[0] + capacities[1])
  const above = firstOf(from.pieces, ideal)
  let best: Move | null = null
  for (const at of [above - 1, above]) {
    const piece = from.pieces[at]
    if (piece === undefined) continue
    const without = (from.weight - piece.weight) / from.carrier.capacity
    const gain = relative(from) - Math.max(without, after(to, piece))
    if (gain > 1e-9 * relative(from) && gain > (best?.gain ?? 0)) best = { from, at, to, gain }
  }
  return best
}

/** Where two gain the same, it goes to who is loaded less. */
function isBetter(move: Move, than: Move): boolean {
  const more = move.gain - than.gain
  if (Math.abs(more) > 1e-9 * relative(move.from)) return more > 0
  return relative(move.to) < relative(than.to)
}

/** Index of the first piece of at least this weight. */
function firstOf(pieces: readonly Piece[], weight: number): number {
  let [low, high] = [0, pieces.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (pieces[middle]!.weight < weight) low = middle + 1
    else high = middle
  }
  return low
}

function weigh(
  pieces: readonly Piece[],
  carriers: readonly Carrier[],
): { loads: Load[]; orphans: readonly Piece[] } {
  const loads = new Map(carriers.map(carrier => [carrier.id, { carrier, pieces: [], weight: 0 } as Load]))
  const orphans = pieces.filter(piece => {
    const load = loads.get(piece.carrier ?? '')
    if (load === undefined) return true
    load.pieces.push(piece)
    load.weight += piece.weight
    return false
  })
  for (const load of loads.values()) load.pieces.sort((a, b) => a.weight - b.weight)
  return { loads: [...loads.values()], orphans }
}

function relative({ weight, carrier }: Load): number {
  return weight / carrier.capacity
}

function after({ weight, carrier }: Load, piece: Piece): number {
  return (weight + piece.weight) / carrier.capacity
}
