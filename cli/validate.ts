// `sluice validate -f FILE …`: everything that is wrong with the files, before any server sees them.
import { parseArgs } from 'node:util'
import { pathText } from '#api/problem.ts'
import { loadManifests, type LoadedManifests } from './manifests.ts'
import { UsageError } from './usage-error.ts'
import type { ManifestProblem } from './yaml-document.ts'

export const usage = `Usage: sluice validate -f FILE [-f FILE …]

Checks DataSources, SyncJobs and VirtualTables: fields, values, and that what they refer to is there.
Exit code 0: all is well. 1: there are problems. 2: the command line is wrong.

  -f, --file FILE       YAML as kubectl apply takes it: a file, a folder, or - for standard input; may be given often
  -o, --output FORMAT   text (default) or json`

/** The exit code. @throws UsageError */
export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      file: { type: 'string', short: 'f', multiple: true, default: [] },
      output: { type: 'string', short: 'o', default: 'text' },
    },
  })
  if (values.file.length === 0) throw new UsageError('give at least one file: -f FILE')
  if (!['text', 'json'].includes(values.output)) throw new UsageError('--output is text or json')
  const loaded = await loadManifests(values.file)
  const report = values.output === 'json' ? jsonReport(loaded) : textReport(loaded)
  process.stdout.write(`${report}\n`)
  return loaded.problems.length === 0 ? 0 : 1
}

export function textReport({ manifests, problems }: LoadedManifests): string {
  if (problems.length > 0) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    return [...problems.map(problemLine), '', count].join('\n')
  }
  const { dataSources, syncJobs, virtualTables } = manifests
  return `valid: ${dataSources.length} DataSource, ${syncJobs.length} SyncJob, ${virtualTables.length} VirtualTable`
}

/** `shop.yaml:12:7: SyncJob shop-to-lake: spec.mode: found "strem"; allowed: …`, which editors can jump to. */
export function problemLine({ file, line, column, subject, path, message }: ManifestProblem): string {
  const where = path.length === 0 ? '' : `${pathText(path)}: `
  return `${file}:${line}:${column}: ${subject}: ${where}${message}`
}

function jsonReport({ problems }: LoadedManifests): string {
  return JSON.stringify(
    problems.map(problem => ({ ...problem, path: pathText(problem.path) })),
    null,
    2,
  )
}
