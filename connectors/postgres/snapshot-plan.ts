// How a table is cut into ranges of pages to be read in parallel. https://www.postgresql.org/docs/current/storage-page-layout.html
import type { Session } from './session.ts'
import type { Relation } from './relation.ts'

/** A file of rows: a table, or one leaf of a partitioned one. */
export interface Leaf {
  relation: number
  fileNode: number
  pages: number
  /** True when it has rows too long for a page, kept elsewhere: the log does not repeat unchanged ones. */
  hasToast: boolean
  kind: string
}

/** The leaves of a table, as they are now. */
export async function readLeaves(session: Session, table: Relation): Promise<Leaf[]> {
  const rows = await session.query<{
    relation: number
    node: string
    bytes: string
    toast: boolean
    kind: string
  }>(
    `SELECT c.oid::int8::float8 AS relation, pg_relation_filenode(c.oid)::text AS node, c.relkind::text AS kind,
       coalesce(pg_relation_size(c.oid), 0)::text AS bytes,
       c.reltoastrelid <> 0 AND pg_relation_size(c.reltoastrelid) > 0 AS toast
     FROM pg_class c WHERE c.oid = $1 AND NOT $2
       OR $2 AND c.oid IN (SELECT relid FROM pg_partition_tree($1::oid::regclass) WHERE isleaf)
     ORDER BY c.oid`,
    [table.oid, table.partitioned],
  )
  return rows.map(({ relation, node, bytes, toast, kind }) => ({
    relation,
    fileNode: Number(node ?? 0),
    pages: Math.ceil(Number(bytes) / pageBytes),
    hasToast: toast,
    kind,
  }))
}

/** The usual page; a server built with another size gets ranges of another size, nothing worse. */
export const pageBytes = 8192

/** Splits of one table at most: each is a position in the table's journal. */
const rangesMax = 1024

export interface PlannedRange {
  leaf: Leaf
  next: number
  end: number | null
}

/**
 * Cuts leaves into ranges of about `rangeBytes`. Every leaf has at least one, and its last one is open: pages
 * added before the snapshot was taken, but after the size was read, belong to it.
 */
export function cutRanges(leaves: readonly Leaf[], rangeBytes: number, byPage: boolean): PlannedRange[] {
  const pages = leaves.reduce((sum, leaf) => sum + leaf.pages, 0)
  const pagesPerRange = Math.max(Math.ceil(rangeBytes / pageBytes), Math.ceil(pages / rangesMax), 1)
  return leaves.flatMap(leaf => {
    const count = byPage ? Math.max(1, Math.ceil(leaf.pages / pagesPerRange)) : 1
    return Array.from({ length: count }, (_, index) => ({
      leaf,
      next: index * pagesPerRange,
      end: index === count - 1 ? null : (index + 1) * pagesPerRange,
    }))
  })
}
