// The folder of a partition, Hive style: `region=eu/created_at_day=2026-11-24`. Values are escaped as Hudi does with
// `partitionpath.urlencode`; a missing value has a name of its own. Class PartitionPathEncodeUtils.

/** Stands for a value that is null or empty. */
export const noValueName = '__HIVE_DEFAULT_PARTITION__'

// eslint-disable-next-line no-control-regex
const escaped = /[\u0000-\u001f"#%'*/:=?\\\u007f{[\]^]/g

export function partitionSegment(field: string, value: string | null): string {
  return `${field}=${value === null || value === '' ? noValueName : escapeValue(value)}`
}

function escapeValue(value: string): string {
  return value.replace(escaped, char => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
