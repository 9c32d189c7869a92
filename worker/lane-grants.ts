// Which lane works on what, and what each may be given now. A split goes to another lane only when the one before has
// committed what it read of it: two that read the same split would throw each other's work away.
import type { Split } from '#connectors/connector.ts'
import type { Grant } from './lane-protocol.ts'

export class LaneGrants {
  /** By lane: all grants that have not ended; those before the newest are being drained. */
  readonly #open = new Map<number, Grant[]>()
  readonly #current = new Map<number, Grant>()

  /** The grant the lane works on, or null after it failed or finished. */
  current(lane: number): Grant | null {
    return this.#current.get(lane) ?? null
  }

  give(lane: number, grant: Grant): void {
    this.#open.set(lane, [...(this.#open.get(lane) ?? []), grant])
    this.#current.set(lane, grant)
  }

  /** The lane is done with this grant. Returns it, or null when another has been given meanwhile. */
  ended(lane: number, id: number): Grant | null {
    const others = (this.#open.get(lane) ?? []).filter(grant => grant.id !== id)
    this.#open.set(lane, others)
    const current = this.current(lane)
    if (current?.id !== id) return null
    this.#current.delete(lane)
    return current
  }

  /** Lanes by the splits that they are to read. */
  get holders(): Map<string, number> {
    const holders = new Map<string, number>()
    for (const [lane, { splits }] of this.#current) for (const { id } of splits) holders.set(id, lane)
    return holders
  }

  /** Whether a lane still reads or commits the split. */
  isHeld(split: string): boolean {
    return [...this.#open.values()].some(grants =>
      grants.some(({ splits }) => splits.some(({ id }) => id === split)),
    )
  }

  /** Those of the splits that no other lane is still reading or committing. */
  free(lane: number, splits: readonly Split[]): Split[] {
    const taken = new Set<string>()
    for (const [other, grants] of this.#open)
      if (other !== lane) for (const grant of grants) for (const { id } of grant.splits) taken.add(id)
    return splits.filter(({ id }) => !taken.has(id))
  }
}
