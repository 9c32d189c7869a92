// A process that is run to its end, with what it cost. It is looked at while it lives: a process that has ended
// still has its times, but no memory any more.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import type { ProcessCost } from './process-cost.ts'
import { processCost } from './process-cost.ts'

export interface MeasuredProcess extends ProcessCost {
  /** What it wrote to its standard output. */
  output: string
  wallSeconds: number
}

const lookEveryMs = 50

/** @throws Error when it ends with another code than 0 */
export async function runMeasured(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<MeasuredProcess> {
  const startedAtMs = performance.now()
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [cost, output, errors, code] = await Promise.all([
    costUntilEnd(child),
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(resolve => child.once('exit', resolve)),
  ])
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${(output + errors).slice(-2000)}`)
  return { ...cost, output, wallSeconds: (performance.now() - startedAtMs) / 1000 }
}

async function costUntilEnd(child: ChildProcess): Promise<ProcessCost> {
  let cost: ProcessCost = { cpuSeconds: 0, peakRssMib: 0 }
  const look = async (): Promise<void> => {
    const now = await processCost(child.pid!).catch(() => cost)
    cost = { cpuSeconds: now.cpuSeconds, peakRssMib: Math.max(now.peakRssMib, cost.peakRssMib) }
  }
  const timer = setInterval(() => void look(), lookEveryMs)
  await new Promise(resolve => child.once('exit', resolve))
  clearInterval(timer)
  return cost
}
