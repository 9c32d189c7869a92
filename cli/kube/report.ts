// `kubectl sluice report [JOB] -o FILE.tar.gz`: one file to attach to a bug report, with secrets taken out.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeError } from '#common/errors.ts'
import type { KubeClient } from '#operator/kube/client.ts'
import { UsageError } from '../usage-error.ts'
import { collectBundle } from './bundle.ts'
import type { Bundle } from './bundle.ts'
import { findJob, oneJobName } from './find-job.ts'
import { clusterOptions } from './session.ts'
import type { Open, Session } from './session.ts'
import { tarGz } from './tar-archive.ts'
import type { ArchiveFile } from './tar-archive.ts'

const operatorNamespaceDefault = 'sluice-system'
const tailLinesDefault = '5000'

export async function run(argv: string[], open: Open): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...clusterOptions,
      output: { type: 'string', short: 'o' },
      tail: { type: 'string', default: tailLinesDefault },
      'operator-namespace': { type: 'string', default: operatorNamespaceDefault },
    },
  })
  if (!/^\d{1,7}$/.test(values.tail)) throw new UsageError('--tail is a number of lines')
  const job = positionals.length === 0 ? undefined : oneJobName(positionals)
  const session = await open(values)
  if (job !== undefined) await findJob(session, job)
  const { clock, namespace, warn, write } = session
  const operatorNamespace = values['operator-namespace']
  const bundle = await collectBundle(session, { job, operatorNamespace, tailLines: Number(values.tail) })
  const files = [{ path: 'README.txt', text: await coverSheet(session, bundle) }, ...bundle.files]
  const path = values.output ?? defaultName(namespace, job, clock.nowMs())
  await writeReport(path, files, clock.nowMs())
  for (const gap of bundle.gaps) warn(`Not in it: ${gap}\n`)
  await write(`${path}: ${files.length} files\n`)
  warn('Passwords, tokens and keys were taken out by their form. Look it through before you give it away.\n')
  return 0
}

/** An archive, or a folder when the name is not that of an archive. @throws UsageError when it is there already */
async function writeReport(path: string, files: readonly ArchiveFile[], nowMs: number): Promise<void> {
  const archive = /\.(tar\.gz|tgz)$/.test(path)
  try {
    if (archive)
      return await writeFile(path, tarGz(inFolder(path, files), nowMs), { flag: 'wx', mode: 0o600 })
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new UsageError(`${path} is there already`)
    throw error
  }
  for (const file of files) {
    await mkdir(dirname(join(path, file.path)), { recursive: true })
    await writeFile(join(path, file.path), file.text, { mode: 0o600 })
  }
}

/** Whoever unpacks it gets one folder. */
function inFolder(path: string, files: readonly ArchiveFile[]): ArchiveFile[] {
  const folder = path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.(tar\.gz|tgz)$/, '')
    .slice(0, 60)
  return files.map(file => ({ ...file, path: `${folder}/${file.path}` }))
}

function defaultName(namespace: string, job: string | undefined, nowMs: number): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return `sluice-report-${(job ?? namespace).slice(0, 40)}-${time}.tar.gz`
}

async function coverSheet({ client, clock, namespace }: Session, { files, gaps }: Bundle): Promise<string> {
  const lines = [
    `Report of Sluice, namespace ${namespace}, made ${new Date(clock.nowMs()).toISOString()}`,
    '',
    `kubectl sluice  ${await ownVersion()} (node ${process.version}, ${process.platform} ${process.arch})`,
    `Kubernetes      ${await serverVersion(client)}`,
    'Images          in operator/pods.yaml and pods.yaml',
    '',
    'What looks like a password, a token, a key or a credential in a URL is REDACTED. Secrets were not read.',
    '',
    ...files.map(({ path }) => path),
    ...(gaps.length === 0 ? [] : ['', 'Could not be read:', ...gaps.map(gap => `  ${gap}`)]),
  ]
  return `${lines.join('\n')}\n`
}

export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

async function serverVersion(client: KubeClient): Promise<string> {
  try {
    const { gitVersion } = await client.request<{ gitVersion: string }>({ method: 'GET', path: '/version' })
    return gitVersion
  } catch (error) {
    return `not known: ${describeError(error)}`
  }
}
