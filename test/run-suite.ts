/**
 * Runs the suites that need real servers.  usage: node test/run-suite.ts integration|e2e|soak|e2e,soak [word...]
 * With words, only files whose path holds one of them. Each file runs in a mocha of its own, so that one that crashes
 * or hangs takes no other with it; a run that ended badly without counting a failure is counted as one. Two files run
 * beside each other (bed/lanes.ts), or as many as SLUICE_LANES says; each one's output is printed when it has ended.
 * The cluster that several files of e2e use is started here, once (e2e/shared-cluster.ts).
 */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { hubVariable, ProgramHub } from './bed/program-hub.ts'
import { runInLanes, suiteFile } from './bed/lanes.ts'
import { SharedCluster } from './e2e/shared-cluster.ts'
import { addTally, appendTally, failuresText, readTally, type Tally, tallyText } from './tally.ts'

const SUITES = ['integration', 'e2e', 'soak']
const FILE_TIMEOUT_MS = 20 * 60_000
/** For output that is still on its way when mocha has ended. */
const LAST_OUTPUT_MS = 200
const LANES = 2
const projectDir = join(import.meta.dirname, '..')
const mochaProgram = join(projectDir, 'node_modules', 'mocha', 'bin', 'mocha.js')

async function main([names = '', ...words]: readonly string[]): Promise<void> {
  const suites = names.split(',')
  if (!suites.every(suite => SUITES.includes(suite)))
    return refuse(`usage: run-suite.ts ${SUITES.join('|')}|e2e,soak [word...]`)
  const all = globSync(
    suites.map(suite => `test/${suite}/**/*.test.ts`),
    { cwd: projectDir },
  ).toSorted()
  const files = all.filter(file => words.length === 0 || words.some(word => file.includes(word)))
  if (files.length === 0 && words.length > 0) return refuse(`no file of ${names} holds ${words.join(' or ')}`)

  let total: Tally = { passed: 0, failed: 0, skipped: 0 }
  const bad: string[] = []
  const outer = process.env['SLUICE_TALLY']
  const work = mkdtempSync(join(tmpdir(), 'sluice-tally-'))
  const hub = await ProgramHub.start()
  process.env[hubVariable] = hub.socketPath
  const lanes = Math.min(Number(process.env['SLUICE_LANES'] ?? LANES), files.length)
  const cluster = files.filter(isEndToEnd).length > 1 ? new SharedCluster() : null
  await runInLanes(
    files.map(file => suiteFile(file)),
    lanes,
    async ({ path }) => {
      const env = isEndToEnd(path) ? ((await cluster?.environment()) ?? {}) : {}
      const start = performance.now()
      console.log(`\n=== ${path}${lanes > 1 ? ' begins' : ''}`)
      const tallyPath = join(work, path.replaceAll('/', '+'))
      const { tally, output } = await runFile(path, { tallyPath, lanes, env })
      console.log(`${output}=== ${path}: ${Math.round((performance.now() - start) / 1000)} s`)
      if (tally.failed > 0) bad.push(path)
      if (outer !== undefined) appendTally(outer, tally) // at once: we may be ended before the last file
      total = addTally(total, tally)
    },
  )
  await cluster?.stop()
  rmSync(work, { recursive: true })
  await hub.stop()

  console.log(failuresText(total))
  for (const file of bad) console.log(`FAILED  ${file}`)
  console.log(tallyText(total))
  if (bad.length > 0) process.exitCode = 1
}

function isEndToEnd(path: string): boolean {
  return path.startsWith('test/e2e/')
}

function refuse(reason: string): void {
  console.error(reason)
  process.exitCode = 2
}

interface FileRun {
  readonly tally: Tally
  /** What was not printed yet. */
  readonly output: string
}

interface RunOptions {
  readonly tallyPath: string
  readonly lanes: number
  readonly env: Readonly<Record<string, string>>
}

async function runFile(file: string, options: RunOptions): Promise<FileRun> {
  const { outcome, output } = await runMocha(file, options)
  const tally = readTally(options.tallyPath) ?? { passed: 0, failed: 0, skipped: 0 }
  if (outcome === 'ended with 0' || tally.failed > 0) return { tally, output }
  const note = `${file}: mocha ${outcome}, which counts as a failure\n`
  return { tally: { ...tally, failed: tally.failed + 1 }, output: output + note }
}

/** Resolves with how mocha ended. Its servers end with it, whatever ends it. */
function runMocha(
  file: string,
  { tallyPath, lanes, env }: RunOptions,
): Promise<{ outcome: string; output: string }> {
  return new Promise((resolve, reject) => {
    const to = lanes > 1 ? 'pipe' : 'inherit'
    const child = spawn(process.execPath, [mochaProgram, '--config', 'test/suite.mocharc.json', file], {
      cwd: projectDir,
      stdio: ['inherit', to, to],
      env: { ...process.env, ...env, SLUICE_TALLY: tallyPath },
      timeout: FILE_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.once('error', reject)
    // Not `close`: a server that mocha could not end would keep its output open.
    child.once('exit', (code, signal) =>
      setTimeout(
        () => resolve({ outcome: signal === null ? `ended with ${code}` : `was ended by ${signal}`, output }),
        LAST_OUTPUT_MS,
      ),
    )
  })
}

if (import.meta.main) void main(process.argv.slice(2))
