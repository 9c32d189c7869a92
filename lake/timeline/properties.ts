// The text form of java.util.Properties, as `hoodie.properties` and `.hoodie_partition_metadata` have it.
// https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)
import { crc32 } from 'node:zlib'

export type Properties = ReadonlyMap<string, string>

const shortEscapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '=': '\\=',
  ':': '\\:',
  '#': '\\#',
  '!': '\\!',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\f': '\\f',
}

/** The file's bytes: ISO-8859-1 with \u escapes, one `key=value` a line, in the map's order. */
export function encodeProperties(properties: Properties, comment: string): Uint8Array {
  const lines = [`#${escaped(comment)}`]
  for (const [key, value] of properties)
    lines.push(`${escaped(key).replaceAll(' ', '\\ ')}=${escaped(value).replace(/^ /, '\\ ')}`)
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1')
}

function escaped(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const char = text[i]!
    const short = shortEscapes[char]
    if (short !== undefined) out += short
    else if (code < 0x20 || code > 0x7e) out += `\\u${code.toString(16).padStart(4, '0').toUpperCase()}`
    else out += char
  }
  return out
}

export function decodeProperties(bytes: Uint8Array): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of logicalLines(Buffer.from(bytes).toString('latin1'))) {
    const end = keyEnd(line)
    const rest = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '')
    properties.set(unescaped(line.slice(0, end)), unescaped(rest))
  }
  return properties
}

/** Lines joined over a trailing backslash, without comments and leading blanks. */
function* logicalLines(text: string): Generator<string> {
  let joined = ''
  for (const natural of text.split(/\r\n|\n|\r/)) {
    const line = natural.replace(/^[ \t\f]+/, '')
    if (joined === '' && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue
    const backslashes = /\\*$/.exec(line)![0].length
    if (backslashes % 2 === 1) {
      joined += line.slice(0, -1)
      continue
    }
    yield joined + line
    joined = ''
  }
  if (joined !== '') yield joined
}

/** Index of the first `=`, `:` or blank that no backslash escapes. */
function keyEnd(line: string): number {
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!
    if (char === '\\') i++
    else if ('=: \t\f'.includes(char)) return i
  }
  return line.length
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(u([0-9a-fA-F]{4})|.)/gs, (_, escape: string, hex?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    return { t: '\t', n: '\n', r: '\r', f: '\f' }[escape] ?? escape
  })
}

/** `hoodie.table.checksum`: it covers the names only. A wrong one makes Java refuse the table. */
export function tableChecksum(tableName: string, databaseName = ''): string {
  return String(crc32(`${databaseName}.${tableName}`))
}
