// What a holder of whole things may have: what it says, and what leases may yet tell it whose answers may be lost.

/** Those it may be using, oldest first. */
export type LeasesSent = readonly { number: number; count: number }[]

const leasesMax = 50

/** Nobody hears an answer more often than this loses one: those in between are as good as the largest of them. */
export function withLease(leases: LeasesSent, lease: LeasesSent[number]): LeasesSent {
  if (leases.length < leasesMax) return [...leases, lease]
  return [{ number: leases.at(-1)!.number, count: Math.max(...leases.map(({ count }) => count)) }, lease]
}

/** @param held how many it last said to have, or to be free to begin */
export function mayHave(leases: LeasesSent, held: number): number {
  return Math.max(held, ...leases.map(({ count }) => count))
}
