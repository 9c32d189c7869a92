// What is thrown for a value without a place in its column. The row decoder adds the names.
import { DataError } from '#common/errors.ts'

export function outOfRange(what: string): DataError {
  return new DataError(what, { code: 'VALUE_OUT_OF_RANGE' })
}

export function malformed(what: string): DataError {
  return new DataError(what, { code: 'RECORD_MALFORMED' })
}

export function multidimensional(dimensions: number): DataError {
  return new DataError(`An array of ${dimensions} dimensions has no place in a list column`, {
    code: 'ARRAY_MULTIDIMENSIONAL',
  })
}
