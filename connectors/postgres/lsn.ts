// Log sequence numbers: byte positions in PostgreSQL's write-ahead log, printed as two hexadecimal halves.
// https://www.postgresql.org/docs/current/datatype-pg-lsn.html

/** `0/16B3748` as a number. Throws a plain Error for other text. */
export function parseLsn(text: string): bigint {
  const parts = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text)
  if (!parts) throw new Error(`Not a log sequence number: ${text}`)
  return (BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`)
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
}
