// Positions of PostgreSQL splits, as the target keeps them.
//
//   log        `0/16B3748`                      every transaction whose commit record begins before it is in the target
//   sweep      `due@0/16B3748`                  rows of an earlier reading, from before this point, are still to go
//              `done@0/16B3748`                 they are gone
//   snapshot   `16402.16402:128-256@0/16B3748`  relation oid, its file node, next page, page after the last one
//              `16402.16402:128-*@0/16B3748`    the last range of a relation has no end: it takes pages added meanwhile
//              `done@0/16B3748`                 the range is in the target
//
// The number after @ is the consistent point: the place in the log the exported snapshot shows. Pages of a file
// node other than the stored one are other pages (VACUUM FULL, CLUSTER, TRUNCATE): such a range is not read on.
import { invariant } from '#common/errors.ts'
import type { Position } from '#catalog/position.ts'
import { formatLsn, parseLsn } from './lsn.ts'

export interface PageRange {
  /** Oid of the relation: the table, or a leaf partition of it. */
  relation: number
  fileNode: number
  /** First page not read yet. */
  next: number
  /** Page after the last one; null: to the end of the table. */
  end: number | null
  consistentPoint: bigint
}

export type SnapshotPosition = PageRange | { done: true; consistentPoint: bigint }

export function formatSnapshotPosition(position: SnapshotPosition): Position {
  const at = `@${formatLsn(position.consistentPoint)}`
  if ('done' in position) return `done${at}`
  const { relation, fileNode, next, end } = position
  return `${relation}.${fileNode}:${next}-${end ?? '*'}${at}`
}

export function parseSnapshotPosition(text: Position): SnapshotPosition {
  const parts = /^(?:done|(\d+)\.(\d+):(\d+)-(\d+|\*))@([0-9A-F]+\/[0-9A-F]+)$/.exec(text)
  invariant(parts, 'Not a position of a PostgreSQL snapshot', { position: text })
  const [, relation, fileNode, next, end, lsn] = parts
  const consistentPoint = parseLsn(lsn!)
  if (relation === undefined) return { done: true, consistentPoint }
  return {
    relation: Number(relation),
    fileNode: Number(fileNode),
    next: Number(next),
    end: end === '*' ? null : Number(end),
    consistentPoint,
  }
}

/** Order of two positions of one split, of whichever kind. */
export function comparePositions(a: Position, b: Position): number {
  if (!a.includes('@') && !b.includes('@')) return sign(parseLsn(a), parseLsn(b))
  return sign(progress(a), progress(b))
}

function progress(text: Position): bigint {
  if (isDue(text)) return -1n
  const position = parseSnapshotPosition(text)
  return 'done' in position ? 1n << 40n : BigInt(position.next)
}

function sign(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The one split that reads the log. */
export const logSplitId = 'log'

/** `snapshot/public.orders/3`; a snapshot begun anew has its consistent point between: `…/0-16B3748/3`. */
export function snapshotSplitId(table: string, index: number, restartedAt: bigint | null): string {
  const generation = restartedAt === null ? '' : `${formatLsn(restartedAt).replace('/', '-')}/`
  return `snapshot/${table}/${generation}${index}`
}

/** Removes what an earlier reading of the table left and this one did not replace. */
export function sweepSplitId(table: string): string {
  return `sweep/${table}`
}

export function isSweepSplit(split: string): boolean {
  return split.startsWith('sweep/')
}

export function dueSweep(point: bigint): Position {
  return `due@${formatLsn(point)}`
}

/** The point from before which rows are to go; null: they are gone. */
export function sweptBefore(position: Position): bigint | null {
  return isDue(position) ? parseLsn(position.slice('due@'.length)) : null
}

function isDue(position: Position): boolean {
  return position.startsWith('due@')
}

export function isSnapshotSplit(split: string): boolean {
  return split.startsWith('snapshot/')
}
