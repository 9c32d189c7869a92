// Arrays as PostgreSQL prints them. https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
//
//   array   ::= [bounds '='] '{' [element (delimiter element)*] '}'
//   element ::= NULL | '"' (char | '\' char)* '"' | char+
import { malformed, multidimensional } from './value-error.ts'

/** The elements of a one-dimensional array. @throws DataError ARRAY_MULTIDIMENSIONAL, RECORD_MALFORMED */
export function parseArrayText(text: string, delimiter: string): (string | null)[] {
  const open = text.indexOf('{')
  if (open < 0 || !text.endsWith('}')) throw malformed('Not the text of an array')
  const elements: (string | null)[] = []
  let at = open + 1
  if (text[at] === '}') return elements
  for (;;) {
    if (text[at] === '{') throw multidimensional(2)
    if (text[at] === '"') {
      const [element, end] = quoted(text, at + 1)
      elements.push(element)
      at = end
    } else {
      let end = at
      while (text[end] !== delimiter && text[end] !== '}' && end < text.length) end++
      const element = text.slice(at, end)
      elements.push(element === 'NULL' ? null : element)
      at = end
    }
    if (text[at] === '}') return elements
    if (text[at] !== delimiter) throw malformed('Not the text of an array')
    at++
  }
}

/** The element whose opening quote ends at `from`, and where it ends. */
function quoted(text: string, from: number): [string, number] {
  let element = ''
  for (let at = from; at < text.length; at++) {
    const char = text[at]!
    if (char === '"') return [element, at + 1]
    element += char === '\\' ? text[++at]! : char
  }
  throw malformed('An array element without its closing quote')
}
