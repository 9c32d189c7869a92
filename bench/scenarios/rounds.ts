// The lake library alone beside Spark's Hudi: 1 M rows in 4 buckets, then ten rounds that each update a tenth of them,
// compacted after every fifth. Both write the same rows into the same kind of table; bytes are counted by one reader.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '#common/clock.ts'
import { readHistory } from '#lake/reader/history.ts'
import { openStore } from '#lake/storage/open.ts'
import type { Distribution } from '../lake/key-draws.ts'
import { drawRows } from '../lake/key-draws.ts'
import type { MeasuredProcess } from '../measured-process.ts'
import { runMeasured } from '../measured-process.ts'
import { sparkSubmit } from '../peers/spark-submit.ts'
import type { Result } from '../report.ts'
import { mallocSettings } from '../sluice-run.ts'

const rows = 1_000_000
const rounds = 10
const updatesPerRound = rows / 10
const program = join(import.meta.dirname, '..', 'lake', 'rounds.ts')

export async function roundsScenarios(
  onResult: (result: Result) => void,
  { peer }: { peer: boolean },
): Promise<void> {
  for (const distribution of ['uniform', 'zipf'] as const) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-rounds-'))
    try {
      await writeKeys(folder, distribution)
      const args = [folder, String(rows), String(rounds)]
      const ours = await runMeasured(process.execPath, [program, ...args], mallocSettings)
      onResult(await resultOf(ours, distribution, 'Sluice', join(folder, 'sluice')))
      if (!peer) continue
      const theirs = await sparkSubmit('spark-rounds.py', args)
      onResult(await resultOf(theirs, distribution, 'Spark + Hudi', join(folder, 'spark')))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function writeKeys(folder: string, distribution: Distribution): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    const drawn = drawRows(rows, updatesPerRound, distribution, round)
    await writeFile(
      join(folder, `keys-${round}`),
      `${[...drawn].map((row, at) => `${row},${at}`).join('\n')}\n`,
    )
  }
}

async function resultOf(
  measured: MeasuredProcess,
  distribution: Distribution,
  engine: string,
  table: string,
): Promise<Result> {
  const { output, ...cost } = measured
  const stages = output
    .split('\n')
    .filter(text => text.startsWith('{"stage"'))
    .map(text => JSON.parse(text) as { stage: string; seconds: number })
  const base = stages.find(({ stage }) => stage === 'base')!.seconds
  const roundsSeconds = stages.at(-1)!.seconds - base
  const { written, stored, baseBytes } = await bytesOf(table)
  const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(0)} MiB`
  return {
    ...cost,
    scenario: `1 M rows, then ${rounds} × 10 % ${distribution} updates, MERGE_ON_READ, 2 compactions`,
    engine,
    rows: rows + rounds * updatesPerRound,
    firstRowsSeconds: Number.NaN,
    steadyRowsPerSecond: (rounds * updatesPerRound) / roundsSeconds,
    note: `rounds ${roundsSeconds.toFixed(1)} s; written ${mib(written)}, ${((written - baseBytes) / baseBytes).toFixed(1)} × the rows changed; stored ${mib(stored)}`,
  }
}

/** Bytes of all data files by the commits that made them, of those still there, and of the first commit's. */
async function bytesOf(table: string): Promise<{ written: number; stored: number; baseBytes: number }> {
  const store = await openStore(pathToFileURL(table).href, { clock: systemClock })
  const history = (await readHistory(store, 10_000)).toSorted((a, b) => (a.instant < b.instant ? -1 : 1))
  let stored = 0
  for await (const { path, sizeBytes } of store.list(''))
    if (!path.startsWith('.hoodie/')) stored += sizeBytes
  return {
    written: history.reduce((sum, { bytes }) => sum + bytes, 0),
    stored,
    baseBytes: history.find(({ bytes }) => bytes > 0)!.bytes,
  }
}
