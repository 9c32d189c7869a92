// What `sluice probe` tells the operator, who reads it off the pod: how it ended, and for each of its plans what it saw.
import { z } from 'zod'

export const probeExitCodes = { nothing: 0, unread: 10 } as const

const probeResult = z.union([
  /** There is nothing to read. */
  z.literal('nothing'),
  /** It was not looked at: the others took all of the time. */
  z.literal('later'),
  /** What there is to read, as a sentence. */
  z.strictObject({ unread: z.string() }),
  /** It could not be told, and why. */
  z.strictObject({ failed: z.string() }),
])
const probeReport = z.array(probeResult)

export type ProbeResult = z.infer<typeof probeResult>

/** A kubelet hands on no more of a container's last message. */
const reportBytesMax = 4096
const textLengthMax = 1000

/** Where a container leaves its last message. */
export const probeReportPath = '/dev/termination-log'
/** With more there would be no room for a sentence of each in a message. */
export const probedPlansMax = 32

/** As text of at most 4,096 bytes: sentences are cut where they are too long together. */
export function probeReportText(results: readonly ProbeResult[]): string {
  for (let length = textLengthMax; ; length = Math.floor(length * 0.8)) {
    const text = JSON.stringify(results.map(result => shortened(result, length)))
    if (length === 0 || Buffer.byteLength(text) <= reportBytesMax) return text
  }
}

/** One for each plan, in their order; null: the text is no report about so many plans. */
export function readProbeReport(text: string, plans: number): readonly ProbeResult[] | null {
  try {
    const { data } = probeReport.safeParse(JSON.parse(text))
    return data?.length === plans ? data : null
  } catch {
    return null
  }
}

function shortened(result: ProbeResult, length: number): ProbeResult {
  if (typeof result === 'string') return result
  const [[kind, text] = ['', '']] = Object.entries(result)
  return { [kind]: text.slice(0, length) } as ProbeResult
}
