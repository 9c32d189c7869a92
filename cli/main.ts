// The `sluice` command: finds the subcommand and hands over. Each is loaded only when it is asked for, so that a
// worker never loads what the operator needs, and `sluice validate` starts at once.
import { enableCompileCache } from 'node:module'
import { errorCodes } from '#common/error-codes.ts'
import { SyncError, describeError } from '#common/errors.ts'
import { prepareLane } from '#worker/lane-thread.ts'
import { UsageError } from './usage-error.ts'

interface Command {
  summary: string
  load(): Promise<{ run: (argv: string[]) => Promise<number>; usage?: string }>
}

const commands: Readonly<Record<string, Command>> = {
  run: {
    summary: 'run SyncJobs from YAML files on this machine',
    load: () => besideLane(() => import('./run.ts')),
  },
  validate: { summary: 'say what is wrong with YAML files', load: () => import('./validate.ts') },
  table: { summary: 'look at a table of the lake: show, history, read', load: () => import('./table.ts') },
  worker: {
    summary: 'run one worker of a SyncJob (what its pods run)',
    load: () => besideLane(() => import('./worker.ts')),
  },
  check: { summary: 'find out whether a plan could be carried out', load: () => import('./check.ts') },
  probe: { summary: 'find out whether there is something to read', load: () => import('./probe.ts') },
  teardown: {
    summary: 'remove what a deleted SyncJob made at its source',
    load: () => import('./teardown.ts'),
  },
  // oxlint-disable-next-line no-restricted-imports -- one entry for the image; loaded in the operator's pod only
  operator: { summary: 'run the operator (what its pod runs)', load: () => import('#operator/main.ts') },
  kube: {
    summary: 'ask and tell the operator about SyncJobs; the same as kubectl sluice',
    load: () => import('./kube.ts'),
  },
  version: { summary: 'print the version', load: () => import('./version.ts') },
}

/** Two threads then load code at once. */
function besideLane<T>(load: () => Promise<T>): Promise<T> {
  prepareLane()
  return load()
}

const width = Math.max(...Object.keys(commands).map(name => name.length))
const help = `Usage: sluice COMMAND [options]

Keeps tables of databases and topics in step with an Apache Hudi lake.

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  .join('\n')}
  ${'help'.padEnd(width)}  print this, or with a command its options

`

/** The exit code: 0 for success, 1 for a failure, 2 for a wrong command line. */
async function main([name, ...argv]: string[]): Promise<number> {
  if (name === undefined || name === '-h' || name === '--help') return print(process.stdout, help)
  if (name === '-v' || name === '--version') return main(['version'])
  if (name === 'help') return argv[0] === undefined ? main([]) : main([argv[0], '--help'])
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    print(process.stderr, `sluice: there is no command "${name}"\n\n${help}`)
    return 2
  }
  const { run, usage } = await command.load()
  if (usage !== undefined && (argv.includes('--help') || argv.includes('-h')))
    return print(process.stdout, `${usage}\n`)
  try {
    return await run(argv)
  } catch (error) {
    return failure(error, name, usage)
  }
}

function failure(error: unknown, name: string, usage: string | undefined): number {
  const wrongArguments =
    error instanceof UsageError || String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')
  const code = error instanceof SyncError ? `${error.code}: ` : ''
  print(process.stderr, `sluice ${name}: ${code}${describeError(error)}${placeOf(error)}\n`)
  if (error instanceof SyncError) print(process.stderr, `What to do: ${errorCodes[error.code].remedy}\n`)
  if (!wrongArguments) return 1
  if (usage !== undefined) print(process.stderr, `\n${usage}\n`)
  return 2
}

/** The file of the lake that is meant, unless the message says it. */
function placeOf(error: unknown): string {
  const path = error instanceof SyncError ? error.context['path'] : undefined
  return typeof path === 'string' && !describeError(error).includes(path) ? ` (${path})` : ''
}

function print(stream: NodeJS.WriteStream, text: string): number {
  stream.write(text)
  return 0
}

// A worker starts often in its life: compiled code is kept between starts, in NODE_COMPILE_CACHE or the temporary folder.
enableCompileCache()
process.exitCode = await main(process.argv.slice(2))
