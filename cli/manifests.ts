// Reads the YAML files that `kubectl apply` takes: several documents a file, several files, our kinds and Secrets
// (for local mode, where no cluster keeps them). Every problem is collected with file and line, so that one look
// shows them all.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { isDeepStrictEqual } from 'node:util'
import { closest } from '#api/closest.ts'
import type { DataSource } from '#api/data-source.ts'
import { check, type Checked } from '#api/problem.ts'
import { apiGroup, apiVersion, resourceSchema, type Resource } from '#api/resource.ts'
import type { SyncJob } from '#api/sync-job.ts'
import type { VirtualTable } from '#api/virtual-table.ts'
import { resourceKinds } from '#connectors/resource-kinds.ts'
import { checkReferences, checkVirtualTable } from '#master/references.ts'
import { secretSchema, type Secret } from './secret-manifest.ts'
import { readYaml, type ManifestFile, type ManifestProblem, type YamlDocument } from './yaml-document.ts'

export interface Manifests {
  dataSources: DataSource[]
  syncJobs: SyncJob[]
  virtualTables: VirtualTable[]
  secrets: Secret[]
}

export interface LoadedManifests {
  manifests: Manifests
  problems: ManifestProblem[]
}

interface Loaded extends Pick<YamlDocument, 'at'> {
  resource: Resource | Secret
}

/** What is collected while reading. */
interface Findings {
  problems: ManifestProblem[]
  /** Subjects of documents that could not be read: to call what they declare missing would mislead. */
  broken: Set<string>
}

/**
 * Reads files, the YAML files of folders, or `-` for standard input, and checks what is in them, also against each
 * other. @throws when one cannot be read
 */
export async function loadManifests(paths: readonly string[]): Promise<LoadedManifests> {
  const files = await Promise.all(paths.map(readPath))
  return readManifests(files.flat())
}

async function readPath(path: string): Promise<ManifestFile[]> {
  if (path === '-') return [{ name: 'standard input', text: await text(process.stdin) }]
  if (!(await stat(path)).isDirectory()) return [{ name: path, text: await readFile(path, 'utf8') }]
  const names = (await readdir(path)).filter(name => /\.(ya?ml|json)$/.test(name)).toSorted()
  return Promise.all(
    names.map(async name => ({ name: join(path, name), text: await readFile(join(path, name), 'utf8') })),
  )
}

export function readManifests(files: readonly ManifestFile[]): LoadedManifests {
  const findings: Findings = { problems: [], broken: new Set() }
  const loaded = withoutRepeats(
    files.flatMap(file => readFileResources(file, findings)),
    findings,
  )
  const ofKind = <T>(kind: string) =>
    loaded.flatMap(({ resource }) => (resource.kind === kind ? [resource as T] : []))
  const manifests: Manifests = {
    dataSources: ofKind<DataSource>('DataSource'),
    syncJobs: ofKind<SyncJob>('SyncJob'),
    virtualTables: ofKind<VirtualTable>('VirtualTable'),
    secrets: ofKind<Secret>('Secret'),
  }
  const across = loaded.flatMap(each => crossCheck(each, manifests, findings.broken))
  return { manifests, problems: [...findings.problems, ...across] }
}

function readFileResources(file: ManifestFile, { problems, broken }: Findings): Loaded[] {
  return readYaml(file).flatMap(({ content, error, subject, at }) => {
    if (error !== null) problems.push(error)
    if (content === null || content === undefined) return []
    const checked = checkDocument(content)
    if (checked.ok) return [{ resource: checked.value, at }]
    broken.add(subject)
    problems.push(...checked.problems.map(at).toSorted((a, b) => a.line - b.line || a.column - b.column))
    return []
  })
}

function checkDocument(content: unknown): Checked<Resource | Secret> {
  const { apiVersion: version, kind } = content as { apiVersion?: unknown; kind?: unknown }
  if (kind === 'Secret' && version === 'v1') return check<Resource | Secret>(secretSchema, content)
  const known = resourceKinds.find(each => each.kind === kind)
  if (known !== undefined && version === apiVersion)
    return check<Resource | Secret>(resourceSchema(known), content)
  if (known !== undefined) return refuse('apiVersion', `found ${shown(version)}; allowed: ${apiVersion}`)
  const names = resourceKinds.map(each => each.kind)
  if (String(version).startsWith(`${apiGroup}/`)) {
    const meant = closest(String(kind), names)
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`
    return refuse('kind', `found ${shown(kind)}; allowed: ${names.join(', ')}${hint}`)
  }
  return refuse(
    'kind',
    `found ${shown(version)}, ${shown(kind)}; allowed: ${names.join(', ')} of ${apiVersion}, and Secret of v1`,
  )
}

function refuse(field: string, message: string): Checked<never> {
  return { ok: false, problems: [{ path: [field], message }] }
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

/** The same resource may stand in two files. Two that differ are a problem: one would silently replace the other. */
function withoutRepeats(loaded: readonly Loaded[], { problems }: Findings): Loaded[] {
  const first = new Map<string, Loaded>()
  for (const each of loaded) {
    const { kind, metadata } = each.resource
    const identity = `${kind}/${metadata.namespace}/${metadata.name}`
    const earlier = first.get(identity)
    if (earlier === undefined) first.set(identity, each)
    else if (!isDeepStrictEqual(earlier.resource, each.resource)) {
      const message = `there is another ${kind} ${metadata.name} in namespace ${metadata.namespace} that differs`
      problems.push(each.at({ path: ['metadata', 'name'], message }))
    }
  }
  return [...first.values()]
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
