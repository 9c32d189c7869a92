// The members of a JSON document that columns want, as a tree: what the scanner walks beside the document. Each
// object level also learns the order in which members came last time, names it does not want included, so that
// the usual record is matched by comparing bytes, without looking anything up.

export interface PathNode {
  /** Slot that takes the value found here, −1 when only something below is wanted. */
  slot: number
  /** Members wanted below; null when none is. */
  members: MemberTable | null
  /** Slots of everything below, to be emptied when the document names this member a second time; null when none. */
  below: readonly number[] | null
}

/** A member name met in an object: wanted (`node`) or to be skipped (null). */
export interface Member {
  /** The name's bytes as they stand between the quotes; of a name that needs escapes, bytes that match nothing. */
  readonly name: Uint8Array
  readonly node: PathNode | null
  /** The member that followed this one last time. */
  next: Member
}

/** Unwanted names remembered per object level; documents with more (maps as objects) are only slower. */
const learnedMax = 256
/** Never part of UTF-8, so no document has it. */
const unmatchable = new Uint8Array([0xff])

export class MemberTable {
  /** Stands before the first member. */
  readonly head: Member
  readonly #byName = new Map<string, Member>()
  readonly #stranger: Member
  #learned = 0

  constructor() {
    this.#stranger = member(unmatchable, null)
    this.head = { name: new Uint8Array(0), node: null, next: this.#stranger }
  }

  /** The node of a wanted member, made when it is not there yet. */
  want(name: string): PathNode {
    const known = this.#byName.get(name)?.node
    if (known) return known
    const node: PathNode = { slot: -1, members: null, below: null }
    this.#byName.set(name, member(nameBytes(name), node))
    return node
  }

  /** The member of that name; a name met for the first time is learned as one to skip. */
  find(name: string): Member {
    const known = this.#byName.get(name)
    if (known) return known
    if (this.#learned >= learnedMax) return this.#stranger
    this.#learned++
    const learned = member(nameBytes(name), null)
    this.#byName.set(name, learned)
    return learned
  }

  nodes(): PathNode[] {
    return [...this.#byName.values()].flatMap(known => known.node ?? [])
  }
}

export interface PathTree {
  root: PathNode
  /** Slot of each path, in the order given; equal paths share one. */
  slots: readonly number[]
  slotCount: number
}

/** Builds the tree of the paths; the empty path is the whole document. */
export function pathTree(paths: readonly (readonly string[])[]): PathTree {
  const root: PathNode = { slot: -1, members: null, below: null }
  let slotCount = 0
  const slots = paths.map(path => {
    let node = root
    for (const name of path) {
      node.members ??= new MemberTable()
      node = node.members.want(name)
    }
    if (node.slot < 0) node.slot = slotCount++
    return node.slot
  })
  listBelow(root)
  return { root, slots, slotCount }
}

function listBelow(node: PathNode): number[] {
  const below: number[] = []
  for (const child of node.members?.nodes() ?? []) {
    if (child.slot >= 0) below.push(child.slot)
    below.push(...listBelow(child))
  }
  node.below = below.length > 0 ? below : null
  return below
}

function nameBytes(name: string): Uint8Array {
  const plain = JSON.stringify(name) === `"${name}"` && name.isWellFormed()
  return plain ? new TextEncoder().encode(name) : unmatchable
}

function member(name: Uint8Array, node: PathNode | null): Member {
  const made = { name, node } as Member
  made.next = made
  return made
}
