// YAML files as documents that know where everything in them stands, so that a problem can name file and line.
import { isMap, isNode, LineCounter, parseAllDocuments, type Document, type Tags } from 'yaml'
import type { Problem } from '#api/problem.ts'

export interface ManifestFile {
  name: string
  text: string
}

export interface ManifestProblem extends Problem {
  file: string
  /** From 1; of the nearest node that exists. */
  line: number
  column: number
  /** `SyncJob shop-to-lake`, or `document 2` when it does not say what it is. */
  subject: string
}

export interface YamlDocument {
  /** The plain value; null for an empty document and for one that is not YAML. */
  content: unknown
  /** Why it is not YAML. */
  error: ManifestProblem | null
  subject: string
  /** The problem with the place where it is. */
  at: (problem: Problem) => ManifestProblem
}

/** YAML as kubectl reads it: 1.1, where `no` and `y` are booleans, but without 1.1's times and base-60 numbers. */
const kubernetesYaml = {
  version: '1.1',
  customTags: (tags: Tags): Tags =>
    tags.filter(tag => typeof tag === 'string' || (tag.format !== 'TIME' && !tag.tag.endsWith(':timestamp'))),
} as const

export function readYaml(file: ManifestFile): YamlDocument[] {
  const lines = new LineCounter()
  // An empty file gives an object that is an array as well, of nothing.
  const documents: Iterable<Document> = parseAllDocuments(file.text, {
    ...kubernetesYaml,
    lineCounter: lines,
  })
  return Array.from(documents, (document, index) => {
    const subject = subjectOf(document) ?? `document ${index + 1}`
    const at = (problem: Problem): ManifestProblem => ({
      ...problem,
      file: file.name,
      subject,
      ...position(document, problem.path, lines),
    })
    const [fault] = document.errors
    if (fault === undefined) return { content: document.toJS() as unknown, error: null, subject, at }
    const { line, col } = lines.linePos(fault.pos[0])
    const message = fault.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '')
    const error = { file: file.name, line, column: col, subject, path: [], message }
    return { content: null, error, subject, at }
  })
}

function subjectOf(document: Document): string | null {
  const field = (path: string[]): string | null => {
    const value = isMap(document.contents) ? document.getIn(path) : null
    return typeof value === 'string' ? value : null
  }
  const [kind, name] = [field(['kind']), field(['metadata', 'name'])]
  return kind === null || name === null ? kind : `${kind} ${name}`
}

/** Where the nearest existing node of a path begins: of its key, since that is what a person looks for. */
function position(
  document: Document,
  path: Problem['path'],
  lines: LineCounter,
): { line: number; column: number } {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = document.getIn(path.slice(0, depth - 1), true)
    const key = path[depth - 1]
    const node = isMap(parent)
      ? parent.items.find(item => String(item.key) === String(key))?.key
      : document.getIn(path.slice(0, depth), true)
    if (isNode(node) && node.range) return place(node.range[0], lines)
  }
  return place(document.contents?.range?.[0] ?? document.range?.[0] ?? 0, lines)
}

function place(offset: number, lines: LineCounter): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}
