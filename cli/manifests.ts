// Reads the YAML files that `kubectl apply` takes: several documents a file, several files, our kinds and Secrets
// (for local mode, where no cluster keeps them). Every problem is collected with file and line, so that one look
// shows them all.
import { readFile } from 'node:fs/promises'
import { isMap, isNode, LineCounter, parseAllDocuments, type Document, type Tags } from 'yaml'
import { closest } from '#api/closest.ts'
import type { DataSource } from '#api/data-source.ts'
import { check, type Problem } from '#api/problem.ts'
import { apiGroup, apiVersion, resourceSchema, type Resource } from '#api/resource.ts'
import type { SyncJob } from '#api/sync-job.ts'
import type { VirtualTable } from '#api/virtual-table.ts'
import { resourceKinds } from '#connectors/resource-kinds.ts'
import { checkReferences, checkVirtualTable } from '#master/references.ts'
import { secretSchema, type Secret } from './secret-manifest.ts'

export interface Manifests {
  dataSources: DataSource[]
  syncJobs: SyncJob[]
  virtualTables: VirtualTable[]
  secrets: Secret[]
}

export interface ManifestProblem extends Problem {
  file: string
  /** From 1; of the nearest node that exists. */
  line: number
  column: number
  /** `SyncJob shop-to-lake`, or `document 2` when it does not say what it is. */
  subject: string
}

export interface LoadedManifests {
  manifests: Manifests
  problems: ManifestProblem[]
}

/** A document, and how to say where in it something is. */
interface Located {
  subject: string
  at: (problem: Problem) => ManifestProblem
}

interface Loaded extends Located {
  resource: Resource | Secret
}

/** What is collected while reading. */
interface Findings {
  problems: ManifestProblem[]
  /** Subjects of documents that could not be read: to call what they declare missing would mislead. */
  broken: Set<string>
}

export interface ManifestFile {
  name: string
  text: string
}

/** Reads the files and checks what is in them, also against each other. @throws when a file cannot be read */
export async function loadManifests(fileNames: readonly string[]): Promise<LoadedManifests> {
  const files = await Promise.all(fileNames.map(async name => ({ name, text: await readFile(name, 'utf8') })))
  return readManifests(files)
}

export function readManifests(files: readonly ManifestFile[]): LoadedManifests {
  const findings: Findings = { problems: [], broken: new Set() }
  const loaded = files.flatMap(file => readDocuments(file, findings))
  const ofKind = <T>(kind: string) =>
    loaded.flatMap(({ resource }) => (resource.kind === kind ? [resource as T] : []))
  const manifests: Manifests = {
    dataSources: ofKind<DataSource>('DataSource'),
    syncJobs: ofKind<SyncJob>('SyncJob'),
    virtualTables: ofKind<VirtualTable>('VirtualTable'),
    secrets: ofKind<Secret>('Secret'),
  }
  const across = loaded.flatMap(each => crossCheck(each, manifests, findings.broken))
  return { manifests, problems: [...findings.problems, ...twins(loaded), ...across] }
}

function crossCheck(
  { resource, at }: Loaded,
  around: Manifests,
  broken: Findings['broken'],
): ManifestProblem[] {
  const isBroken = ({ name }: { name: string }) => broken.has(`DataSource ${name}`)
  if (resource.kind === 'SyncJob') {
    const job = resource as SyncJob
    if (isBroken(job.spec.source) || isBroken(job.spec.target)) return []
    return checkReferences(job, around).map(at)
  }
  if (resource.kind === 'VirtualTable') {
    const table = resource as VirtualTable
    return isBroken(table.spec.source) ? [] : checkVirtualTable(table, around).map(at)
  }
  return []
}

/** YAML as kubectl reads it: 1.1, where `no` and `y` are booleans, but without 1.1's times and base-60 numbers. */
const kubernetesYaml = {
  version: '1.1',
  customTags: (tags: Tags): Tags =>
    tags.filter(tag => typeof tag === 'string' || (tag.format !== 'TIME' && !tag.tag.endsWith(':timestamp'))),
} as const

function readDocuments(file: ManifestFile, { problems, broken }: Findings): Loaded[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(file.text, { ...kubernetesYaml, lineCounter: lines })
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document, index) => {
    const located = locate(file.name, document, { index, lines })
    if (document.errors.length > 0) {
      const [error] = document.errors
      const { line, col } = lines.linePos(error!.pos[0])
      const message = error!.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '')
      problems.push({ file: file.name, line, column: col, subject: located.subject, path: [], message })
      return []
    }
    const content: unknown = document.toJS()
    if (content === null || content === undefined) return []
    const checked = checkDocument(content)
    if (checked.ok) return [{ ...located, resource: checked.value }]
    broken.add(located.subject)
    const inOrder = checked.problems
      .map(located.at)
      .toSorted((a, b) => a.line - b.line || a.column - b.column)
    problems.push(...inOrder)
    return []
  })
}

function checkDocument(content: unknown): ReturnType<typeof check<Resource | Secret>> {
  const { apiVersion: version, kind } = content as { apiVersion?: unknown; kind?: unknown }
  if (kind === 'Secret' && version === 'v1') return check<Resource | Secret>(secretSchema, content)
  const known = resourceKinds.find(each => each.kind === kind)
  if (known !== undefined && version === apiVersion)
    return check<Resource | Secret>(resourceSchema(known), content)
  const names = resourceKinds.map(each => each.kind)
  if (known !== undefined || String(version).startsWith(`${apiGroup}/`)) {
    if (known !== undefined) return refuse('apiVersion', `found ${shown(version)}; allowed: ${apiVersion}`)
    const meant = closest(String(kind), names)
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`
    return refuse('kind', `found ${shown(kind)}; allowed: ${names.join(', ')}${hint}`)
  }
  return refuse(
    'kind',
    `found ${shown(version)}, ${shown(kind)}; allowed: ${names.join(', ')} of ${apiVersion}, and Secret of v1`,
  )
}

function refuse(field: string, message: string): { ok: false; problems: Problem[] } {
  return { ok: false, problems: [{ path: [field], message }] }
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

function locate(file: string, document: Document, where: { index: number; lines: LineCounter }): Located {
  const field = (path: string[]): string | null => {
    const value = isMap(document.contents) ? document.getIn(path) : null
    return typeof value === 'string' ? value : null
  }
  const [kind, name] = [field(['kind']), field(['metadata', 'name'])]
  const subject = kind === null ? `document ${where.index + 1}` : name === null ? kind : `${kind} ${name}`
  return {
    subject,
    at: problem => ({ ...problem, file, subject, ...position(document, problem.path, where.lines) }),
  }
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
    const pair = isMap(parent) ? parent.items.find(item => String(item.key) === String(key)) : undefined
    const node = pair?.key ?? (isMap(parent) ? undefined : document.getIn(path.slice(0, depth), true))
    if (isNode(node) && node.range) {
      const { line, col } = lines.linePos(node.range[0])
      return { line, column: col }
    }
  }
  const { line, col } = lines.linePos(document.contents?.range?.[0] ?? document.range?.[0] ?? 0)
  return { line, column: col }
}

/** Two documents for one resource: the second would silently replace the first. */
function twins(loaded: readonly Loaded[]): ManifestProblem[] {
  const seen = new Set<string>()
  return loaded.flatMap(({ resource, at }) => {
    const { name, namespace } = resource.metadata
    const identity = `${resource.kind}/${namespace}/${name}`
    if (!seen.has(identity)) {
      seen.add(identity)
      return []
    }
    return [
      at({
        path: ['metadata', 'name'],
        message: `there are two of ${resource.kind} ${name} in namespace ${namespace}`,
      }),
    ]
  })
}
