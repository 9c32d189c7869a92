// `sluice table check` and what `--skip-damaged` passed over: which files are damaged, and what to do about it.
import { errorCodes } from '#common/error-codes.ts'
import type { SyncError } from '#common/errors.ts'
import { describeError } from '#common/errors.ts'
import type { TableCheck } from '#lake/reader/check-table.ts'
import { countText } from './text-table.ts'

export function renderCheck({ fileGroups, rows, commits, journalEntries, damage }: TableCheck): string {
  const looked = [
    `${countText(rows)} rows in ${countText(fileGroups)} file groups`,
    `${countText(commits)} commits`,
    ...(journalEntries > 0 ? [`${countText(journalEntries)} entries of the journal`] : []),
  ].join(', ')
  if (damage.length === 0) return `Read ${looked}: all whole.`
  return [`Read ${looked}. Damaged: ${damage.length}`, '', ...renderDamage(damage)].join('\n')
}

/** A line for each damage, and the way to mend it once for each code. */
export function renderDamage(damage: readonly SyncError[]): string[] {
  const codes = [...new Set(damage.map(({ code }) => code))]
  return [
    ...damage.map(error => `${error.code}: ${describeError(error)}`),
    ...codes.map(code => `What to do about ${code}: ${errorCodes[code].remedy}`),
  ]
}

export function checkJson(check: TableCheck): unknown {
  const damage = check.damage.map(error => ({
    code: error.code,
    message: describeError(error),
    ...error.context,
    remedy: errorCodes[error.code].remedy,
  }))
  return { ...check, damage }
}
