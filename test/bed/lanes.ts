/**
 * Runs the files of a suite beside each other: most of them wait most of the time, for servers and for time-outs. Files
 * that need the same scarce server never run together.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const projectDir = join(import.meta.dirname, '..', '..')

/** Of these there is one on a machine, or one fills it: Spark, and the node of a cluster, whole or a namespace of it. */
const SCARCE = ['hudi', 'kubernetes', 'namespace'] as const
export type Scarce = (typeof SCARCE)[number]

export interface SuiteFile {
  readonly path: string
  readonly needs: readonly Scarce[]
}

/** @param source the text of the file; what it needs stands in its calls of `requires` */
export function suiteFile(path: string, source = readFileSync(join(projectDir, path), 'utf8')): SuiteFile {
  const calls = [...source.matchAll(/requires\(([^)]*)\)/g)].map(([, names]) => names!)
  return { path, needs: SCARCE.filter(name => calls.some(names => names.includes(`'${name}'`))) }
}

/**
 * Those that need Spark first, which is the longest queue; then those beside which the fewest others can run. Resolves when
 * all have run, rejects when a run does.
 */
export async function runInLanes(
  files: readonly SuiteFile[],
  lanes: number,
  run: (file: SuiteFile) => Promise<void>,
): Promise<void> {
  const waiting = files.toSorted((a, b) => urgency(b) - urgency(a))
  const running = new Map<SuiteFile, Promise<void>>()
  while (waiting.length > 0 || running.size > 0) {
    const taken = [...running.keys()].flatMap(({ needs }) => needs)
    const next = waiting.findIndex(
      ({ needs }) => !needs.some(need => taken.some(other => excludes(need, other))),
    )
    if (running.size < lanes && next >= 0) {
      const [file] = waiting.splice(next, 1)
      running.set(
        file!,
        run(file!).then(() => void running.delete(file!)),
      )
    } else await Promise.race(running.values())
  }
}

function urgency({ needs }: SuiteFile): number {
  return needs.includes('hudi') ? 2 : needs.includes('kubernetes') ? 1 : 0
}

/** A cluster is needed by one file as a whole, or by several that each have a namespace of it. */
function excludes(one: Scarce, other: Scarce): boolean {
  if (one === other) return one !== 'namespace'
  return one !== 'hudi' && other !== 'hudi'
}
