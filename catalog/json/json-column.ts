// What of a document becomes a column.
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import type { Column } from '#catalog/types.ts'

/** A column fed from a JSON document. */
export interface JsonColumn {
  column: Column
  builder: ColumnBuilder
  /** Member names from the document's root; empty: the document itself. */
  path: readonly string[]
}
