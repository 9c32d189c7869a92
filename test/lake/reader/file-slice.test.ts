import { expect } from 'chai'
import { parseDataFile } from '#lake/reader/data-file.ts'
import { latestSlices } from '#lake/reader/file-slice.ts'
import { timelineView } from '#lake/reader/timeline-view.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'

const fileId = '00000001-0000-0000-0000-000000000000-0'

function time(second: number): string {
  return `202611240000${String(second).padStart(2, '0')}000`
}
const base = (second: number): string => `${fileId}_1-2-3_${time(second)}.parquet`
const log = (second: number, version = 1): string => `.${fileId}_${time(second)}.log.${version}_1-2-3`

interface Timeline {
  layout?: 1 | 2
  /** Instant second -> completion second; null: pending. */
  instants: Record<number, number | null>
  replaced?: string[]
}

function slicesOf(names: string[], { layout = 2, instants, replaced = [] }: Timeline): string[] {
  const timeline: TimelineInstant[] = Object.entries(instants).map(([instant, completion]) => ({
    instant: time(Number(instant)),
    action: 'deltacommit',
    state: completion === null ? 'inflight' : 'completed',
    completionTime: completion === null ? null : time(completion),
    path: '',
  }))
  const first = timeline.find(({ state }) => state === 'completed')?.instant ?? null
  const files = names.map(name => parseDataFile({ path: name, sizeBytes: 1 })).filter(file => file !== null)
  const view = timelineView({ layout, instants: timeline, first, replaced: new Set(replaced) })
  return latestSlices(files, view).map(slice =>
    [slice.base?.name ?? '-', ...slice.logs.map(({ name }) => name)].join(' '),
  )
}

describe('file slices', () => {
  const cases: { name: string; files: string[]; timeline: Timeline; read: string[] }[] = [
    {
      name: 'a base file and its logs, in the order of instant and version',
      files: [log(20, 2), base(10), log(30), log(20)],
      timeline: { instants: { 10: 15, 20: 25, 30: 35 } },
      read: [[base(10), log(20), log(20, 2), log(30)].join(' ')],
    },
    {
      name: 'a log of the commit that made the base file',
      files: [base(10), log(10)],
      timeline: { instants: { 10: 15 } },
      read: [`${base(10)} ${log(10)}`],
    },
    {
      name: 'nothing that no completed instant names',
      files: [base(10), base(20), log(20), log(30), log(40)],
      timeline: { instants: { 10: 15, 30: null, 40: 45 } },
      read: [`${base(10)} ${log(40)}`],
    },
    {
      name: 'files older than the timeline',
      files: [base(10), log(20), log(30)],
      timeline: { instants: { 30: 35 } },
      read: [`${base(10)} ${log(20)} ${log(30)}`],
    },
    {
      name: 'the newest base, with the logs that completed after it began',
      files: [base(10), log(20), base(30), log(25), log(40)],
      timeline: { instants: { 10: 15, 20: 22, 25: 35, 30: 38, 40: 45 } },
      read: [`${base(30)} ${log(25)} ${log(40)}`],
    },
    {
      name: 'a group of logs alone',
      files: [log(20), log(30)],
      timeline: { instants: { 20: 40, 30: 35 } },
      read: [`- ${log(20)} ${log(30)}`],
    },
    {
      name: 'no replaced group',
      files: [base(10)],
      timeline: { instants: { 10: 15 }, replaced: [`/${fileId}`] },
      read: [],
    },
    {
      name: 'version-6 logs by the base instant in their name',
      files: [base(10), log(10), log(10, 2), base(30), log(30)],
      timeline: { layout: 1, instants: { 10: 10, 30: 30 } },
      read: [`${base(30)} ${log(30)}`],
    },
    {
      name: 'nothing of the timeline folder, and no foreign file',
      files: [
        '.hoodie/x/' + base(10),
        '_sluice/a.txt',
        'a.parquet.tmp',
        `.${log(10)}.crc`,
        `.${base(10)}.crc`,
        `${log(10)}.cdc`,
      ],
      timeline: { instants: { 10: 15 } },
      read: [],
    },
  ]
  for (const { name, files, timeline, read } of cases)
    it(`hold ${name}`, () => expect(slicesOf(files, timeline)).to.deep.equal(read))
})
