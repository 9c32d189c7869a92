// Finds a header of a record in place.

export interface HeaderRange {
  start: number
  end: number
}

// headersCount VARINT, [nameLength VARINT, name, valueLength VARINT, value]; a null value has length −1

/** The value of the last header of that name; null when there is none or it is null. */
export function findHeader(bytes: Uint8Array, headersStart: number, name: Uint8Array): HeaderRange | null {
  let at = headersStart
  let found: HeaderRange | null = null
  const varint = (): number => {
    let raw = 0
    let shift = 0
    let byte: number
    do {
      byte = bytes[at++]!
      raw |= (byte & 0x7f) << shift
      shift += 7
    } while (byte > 0x7f && shift < 35)
    return (raw >>> 1) ^ -(raw & 1)
  }
  // The count may be damaged: headers end with the bytes at the latest.
  for (let left = varint(); left > 0 && at < bytes.length; left--) {
    const nameLength = varint()
    const nameStart = at
    at += Math.max(0, nameLength)
    const valueLength = varint()
    if (nameLength === name.length && equalAt(bytes, nameStart, name))
      found = valueLength < 0 ? null : { start: at, end: at + valueLength }
    at += Math.max(0, valueLength)
  }
  return found
}

function equalAt(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let at = 0; at < name.length; at++) if (bytes[start + at] !== name[at]) return false
  return true
}
