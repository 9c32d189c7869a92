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
  pieces: Piece[]
  weight: number
}

/** Those that nobody carries, each with who should: the heaviest first, to who is then loaded least. */
export function place(pieces: readonly Piece[], carriers: readonly Carrier[]): Map<string, string> {
  const placed = new Map<string, string>()
  if (carriers.length === 0) return placed
  const { loads, orphans } = weigh(pieces, carriers)
  for (const piece of orphans.toSorted((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))) {
    const least = leastAfter(loads, piece)!
    least.pieces.push(piece)
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
    move.from.pieces.splice(move.from.pieces.indexOf(move.piece), 1)
    move.from.weight -= move.piece.weight
    move.to.pieces.push(move.piece)
    move.to.weight += move.piece.weight
    moved.set(move.piece.id, move.to.carrier.id)
  }
  for (const { id, carrier } of pieces) if (moved.get(id) === carrier) moved.delete(id)
  return moved
}

interface Move {
  piece: Piece
  from: Load
  to: Load
}

/** The move that gains most for the most loaded worker that gains from one. */
function bestMove(loads: readonly Load[], gapLeast: number): Move | null {
  for (const from of loads.toSorted((a, b) => relative(b) - relative(a))) {
    let best: Move | null = null
    let most = 1e-9 * relative(from)
    const others = loads.filter(load => load !== from)
    for (const piece of from.pieces) {
      const to = leastAfter(others, piece)
      if (to === null || relative(from) - relative(to) <= gapLeast) continue
      const without = (from.weight - piece.weight) / from.carrier.capacity
      const gain = relative(from) - Math.max(without, after(to, piece))
      if (gain > most) [best, most] = [{ piece, from, to }, gain]
    }
    if (best !== null) return best
  }
  return null
}

/** Who would be loaded least with the piece. */
function leastAfter(loads: readonly Load[], piece: Piece): Load | null {
  let least: Load | null = null
  for (const load of loads) if (least === null || after(load, piece) < after(least, piece)) least = load
  return least
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
  return { loads: [...loads.values()], orphans }
}

function relative({ weight, carrier }: Load): number {
  return weight / carrier.capacity
}

function after({ weight, carrier }: Load, piece: Piece): number {
  return (weight + piece.weight) / carrier.capacity
}
