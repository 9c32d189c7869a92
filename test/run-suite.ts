/**
 * Runs the suites that need real servers.  usage: node test/run-suite.ts integration|e2e|soak [word...]
 * With words, only files whose path holds one of them. Each file runs in a mocha of its own, so that one that crashes
 * or hangs takes no other with it; a run that ended badly without counting a failure is counted as one.
 */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { hubVariable, ProgramHub } from './bed/program-hub.ts'
import { addTally, appendTally, failuresText, readTally, type Tally, tallyText } from './tally.ts'

const SUITES = ['integration', 'e2e', 'soak']
const FILE_TIMEOUT_MS = 20 * 60_000
const projectDir = join(import.meta.dirname, '..')
const mochaProgram = join(projectDir, 'node_modules', 'mocha', 'bin', 'mocha.js')

async function main([suite, ...words]: readonly string[]): Promise<void> {
  if (suite === undefined || !SUITES.includes(suite))
    return refuse(`usage: run-suite.ts ${SUITES.join('|')} [word...]`)
  const all = globSync(`test/${suite}/**/*.test.ts`, { cwd: projectDir }).toSorted()
  const files = all.filter(file => words.length === 0 || words.some(word => file.includes(word)))
  if (files.length === 0 && words.length > 0)
    return refuse(`no file of the ${suite} suite holds ${words.join(' or ')}`)

  let total: Tally = { passed: 0, failed: 0, skipped: 0 }
  const bad: string[] = []
  const outer = process.env['SLUICE_TALLY']
  const work = mkdtempSync(join(tmpdir(), 'sluice-tally-'))
  const hub = await ProgramHub.start()
  process.env[hubVariable] = hub.socketPath
  for (const [index, file] of files.entries()) {
    console.log(`\n=== ${file}`)
    const start = performance.now()
    const tally = await runFile(file, join(work, String(index)))
    console.log(`=== ${file}: ${Math.round((performance.now() - start) / 1000)} s`)
    if (tally.failed > 0) bad.push(file)
    if (outer !== undefined) appendTally(outer, tally) // at once: we may be ended before the last file
    total = addTally(total, tally)
  }
  rmSync(work, { recursive: true })
  await hub.stop()

  console.log(failuresText(total))
  for (const file of bad) console.log(`FAILED  ${file}`)
  console.log(tallyText(total))
  if (bad.length > 0) process.exitCode = 1
}

function refuse(reason: string): void {
  console.error(reason)
  process.exitCode = 2
}

async function runFile(file: string, tallyPath: string): Promise<Tally> {
  const outcome = await runMocha(file, tallyPath)
  const tally = readTally(tallyPath) ?? { passed: 0, failed: 0, skipped: 0 }
  if (outcome === 'ended with 0' || tally.failed > 0) return tally
  console.log(`${file}: mocha ${outcome}, which counts as a failure`)
  return { ...tally, failed: tally.failed + 1 }
}

/** Resolves with how mocha ended. Its servers end with it, whatever ends it. */
function runMocha(file: string, tallyPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [mochaProgram, '--config', 'test/suite.mocharc.json', file], {
      cwd: projectDir,
      stdio: 'inherit',
      env: { ...process.env, SLUICE_TALLY: tallyPath },
      timeout: FILE_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with ${code}` : `was ended by ${signal}`),
    )
  })
}

if (import.meta.main) void main(process.argv.slice(2))
