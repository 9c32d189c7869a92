// Finds wanted values in JSON text (RFC 8259) without building objects: for each slot of the path tree the kind
// of the value and where it stands in the bytes. The whole text is checked, also what no column wants: what the
// scanner accepts is exactly what JSON.parse accepts, less text that is not UTF-8 and nesting beyond a bound.
import { isUtf8 } from 'node:buffer'
import type { Member, MemberTable, PathNode, PathTree } from './path-tree.ts'

/** What stands in a slot. */
export const Token = {
  missing: 0,
  null: 1,
  true: 2,
  false: 3,
  /** An integer of at most 15 digits without fraction or exponent: its value is in `numbers`. */
  int: 4,
  /** Any other number. */
  number: 5,
  /** A string without escapes, quotes included in the range. */
  string: 6,
  /** A string with escapes, quotes included. */
  escaped: 7,
  object: 8,
  array: 9,
} as const
export type Token = (typeof Token)[keyof typeof Token]

/** The text is not JSON. */
export class JsonSyntaxError extends Error {}

const depthMax = 500

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

const literalTrue = Buffer.from('true')
const literalFalse = Buffer.from('false')
const literalNull = Buffer.from('null')

export class JsonScanner {
  readonly kinds: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly numbers: Float64Array
  readonly #root: PathNode
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  /** Or of all bytes in strings: above 0x7f the text must be checked to be UTF-8. */
  #seen = 0
  #number = 0

  constructor(tree: PathTree) {
    this.#root = tree.root
    this.kinds = new Uint8Array(tree.slotCount)
    this.starts = new Int32Array(tree.slotCount)
    this.ends = new Int32Array(tree.slotCount)
    this.numbers = new Float64Array(tree.slotCount)
  }

  /** Forgets the last document: every slot is missing. */
  clear(): void {
    const kinds = this.kinds
    for (let slot = 0; slot < kinds.length; slot++) kinds[slot] = Token.missing
  }

  /** Scans bytes[start, end). @throws JsonSyntaxError */
  scan(bytes: Uint8Array, start: number, end: number): void {
    this.clear()
    this.#open(bytes, start, end)
    this.#value(this.#root, 0)
    this.#close()
  }

  /** Ranges of the elements of the array at bytes[start, end), as start and end pairs. @throws JsonSyntaxError */
  elements(bytes: Uint8Array, start: number, end: number): number[] {
    const ranges: number[] = []
    this.#open(bytes, start, end)
    this.#at++
    this.#space()
    if (this.#bytes[this.#at] === closeBracket) return ranges
    do {
      this.#space()
      const from = this.#at
      this.#value(null, 0)
      ranges.push(from, this.#at)
      this.#space()
    } while (this.#bytes[this.#at++] === comma)
    return ranges
  }

  /** Name and range of the members of the object at bytes[start, end), which was scanned before. @throws JsonSyntaxError */
  members(bytes: Uint8Array, start: number, end: number): { name: string; start: number; end: number }[] {
    const found: { name: string; start: number; end: number }[] = []
    this.#open(bytes, start, end)
    this.#at++
    this.#space()
    if (this.#peek() === closeBrace) return found
    do {
      this.#space()
      const nameStart = this.#at
      this.#string()
      const name = JSON.parse(textAt(bytes, nameStart, this.#at)) as string
      this.#space()
      this.#at++
      this.#space()
      const from = this.#at
      this.#value(null, 0)
      found.push({ name, start: from, end: this.#at })
      this.#space()
    } while (this.#bytes[this.#at++] === comma)
    return found
  }

  #open(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#seen = 0
    this.#space()
  }

  #close(): void {
    const start = this.#at
    this.#space()
    if (this.#at !== this.#end || start > this.#end) throw syntaxError()
  }

  #value(node: PathNode | null, depth: number): void {
    const start = this.#at
    if (node !== null && node.below !== null) for (const slot of node.below) this.kinds[slot] = Token.missing
    const kind = this.#token(node === null ? null : node.members, depth)
    if (node === null || node.slot < 0) return
    const slot = node.slot
    this.kinds[slot] = kind
    this.starts[slot] = start
    this.ends[slot] = this.#at
    if (kind === Token.int) this.numbers[slot] = this.#number
  }

  /** Scans one value, which begins at once, and stands behind it. */
  #token(members: MemberTable | null, depth: number): Token {
    if (this.#at >= this.#end) throw syntaxError()
    switch (this.#bytes[this.#at]) {
      case quote:
        return this.#string()
      case openBrace:
        this.#object(members, depth + 1)
        return Token.object
      case openBracket:
        this.#array(depth + 1)
        return Token.array
      case 0x74:
        this.#literal(literalTrue)
        return Token.true
      case 0x66:
        this.#literal(literalFalse)
        return Token.false
      case 0x6e:
        this.#literal(literalNull)
        return Token.null
      default:
        return this.#numeral()
    }
  }

  #object(members: MemberTable | null, depth: number): void {
    if (depth > depthMax) throw syntaxError()
    this.#at++
    this.#space()
    if (this.#peek() === closeBrace) {
      this.#at++
      return
    }
    let previous = members === null ? null : members.head
    for (;;) {
      if (this.#peek() !== quote) throw syntaxError()
      let node: PathNode | null = null
      if (previous === null) this.#string()
      else {
        const met: Member = this.#member(members!, previous.next)
        previous.next = met
        previous = met
        node = met.node
      }
      this.#space()
      if (this.#peek() !== colon) throw syntaxError()
      this.#at++
      this.#space()
      this.#value(node, depth)
      this.#space()
      const closing = this.#peek()
      this.#at++
      if (closing === closeBrace) return
      if (closing !== comma) throw syntaxError()
      this.#space()
    }
  }

  /** Reads a member's name; the guess is compared byte by byte before anything is looked up. */
  #member(members: MemberTable, guess: Member): Member {
    const bytes = this.#bytes
    const name = guess.name
    const start = this.#at + 1
    const close = start + name.length
    if (close < this.#end && bytes[close] === quote) {
      let at = 0
      while (at < name.length && bytes[start + at] === name[at]) at++
      if (at === name.length) {
        this.#at = close + 1
        return guess
      }
    }
    const kind = this.#string()
    const text = textAt(bytes, start - 1, this.#at)
    return members.find(kind === Token.string ? text.slice(1, -1) : (JSON.parse(text) as string))
  }

  #array(depth: number): void {
    if (depth > depthMax) throw syntaxError()
    this.#at++
    this.#space()
    if (this.#peek() === closeBracket) {
      this.#at++
      return
    }
    for (;;) {
      this.#value(null, depth)
      this.#space()
      const closing = this.#peek()
      this.#at++
      if (closing === closeBracket) return
      if (closing !== comma) throw syntaxError()
      this.#space()
    }
  }

  #string(): Token {
    const bytes = this.#bytes
    const end = this.#end
    const start = this.#at
    let at = start + 1
    let seen = 0
    let escaped = false
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (byte === quote) break
      if (byte === backslash) {
        escaped = true
        at = escapeEnd(bytes, at)
      } else if (byte < 0x20) throw syntaxError()
      seen |= byte
    }
    if (at >= end) throw syntaxError()
    this.#at = at + 1
    if (seen > 0x7f && this.#seen <= 0x7f) this.#checkUtf8(start)
    return escaped ? Token.escaped : Token.string
  }

  /** Checks the rest of the document once, on the first byte that is not ASCII. */
  #checkUtf8(start: number): void {
    this.#seen = 0xff
    if (!isUtf8(this.#bytes.subarray(start, this.#end))) throw syntaxError()
  }

  /** number = [ "-" ] int [ frac ] [ exp ]; int = "0" / digit1-9 *digit */
  #numeral(): Token {
    const bytes = this.#bytes
    const end = this.#end
    const negative = bytes[this.#at] === 0x2d
    const first = negative ? this.#at + 1 : this.#at
    let at = first
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - 0x30
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (at === first || (bytes[first] === 0x30 && at > first + 1)) throw syntaxError()
    const integer = at
    at = this.#exponent(at < end && bytes[at] === 0x2e ? this.#digits(at + 1) : at)
    this.#at = at
    if (at !== integer || at - first > 15) return Token.number
    this.#number = negative ? -value : value
    return Token.int
  }

  /** Behind the exponent, when one stands here. */
  #exponent(start: number): number {
    const bytes = this.#bytes
    if (start >= this.#end || (bytes[start]! | 0x20) !== 0x65) return start
    const sign = bytes[start + 1]
    return this.#digits(sign === 0x2b || sign === 0x2d ? start + 2 : start + 1)
  }

  /** Behind one digit or more. */
  #digits(start: number): number {
    const bytes = this.#bytes
    let at = start
    while (at < this.#end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++
    if (at === start) throw syntaxError()
    return at
  }

  #literal(word: Uint8Array): void {
    if (this.#at + word.length > this.#end) throw syntaxError()
    for (let at = 1; at < word.length; at++) if (this.#bytes[this.#at + at] !== word[at]) throw syntaxError()
    this.#at += word.length
  }

  /** The byte here, −1 at the end of the text. */
  #peek(): number {
    return this.#at < this.#end ? this.#bytes[this.#at]! : -1
  }

  #space(): void {
    const bytes = this.#bytes
    let at = this.#at
    while (at < this.#end) {
      const byte = bytes[at]!
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break
      at++
    }
    this.#at = at
  }
}

function textAt(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
}

/** Bytes that may follow a backslash: `"\/bfnrt`, and `u` with four hexadecimal digits. */
const escapes = new Set(Buffer.from('"\\/bfnrt'))

/** The last byte of the escape that begins at the backslash. */
function escapeEnd(bytes: Uint8Array, at: number): number {
  if (escapes.has(bytes[at + 1]!)) return at + 1
  if (bytes[at + 1] !== 0x75) throw syntaxError()
  for (let digit = at + 2; digit < at + 6; digit++) if (!isHexDigit(bytes[digit] ?? 0)) throw syntaxError()
  return at + 5
}

function isHexDigit(byte: number): boolean {
  const letter = byte | 0x20
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66)
}

function syntaxError(): JsonSyntaxError {
  return new JsonSyntaxError('The text is not valid JSON')
}
