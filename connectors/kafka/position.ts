// Positions in a topic partition: `offset@sequence` is the offset to read next and the last sequence given out;
// a bounded read carries the offset it ends before: `offset@sequence..end`.
import type { Position, Positions } from '#catalog/position.ts'
import { ConfigError, InvariantError } from '#common/errors.ts'

export interface KafkaPosition {
  offset: number
  sequence: bigint
  /** Where a bounded read ends; null when it does not. */
  end: number | null
}

export function formatPosition(position: KafkaPosition): Position {
  const end = position.end === null ? '' : `..${position.end}`
  return `${position.offset}@${position.sequence}${end}`
}

export function parsePosition(text: Position): KafkaPosition {
  const parts = /^(\d{1,16})@(\d{1,19})(?:\.\.(\d{1,16}))?$/.exec(text)
  if (parts === null)
    throw new InvariantError(`Not a Kafka position: ${text}`, {
      code: 'INTERNAL',
      context: { position: text },
    })
  return {
    offset: Number(parts[1]),
    sequence: BigInt(parts[2]!),
    end: parts[3] === undefined ? null : Number(parts[3]),
  }
}

/** The id of a partition's split: `clicks/3`. Topic names have no slash. */
export function splitId(topic: string, partition: number): string {
  return `${topic}/${partition}`
}

export function parseSplitId(id: string): { topic: string; partition: number } {
  const slash = id.lastIndexOf('/')
  return { topic: id.slice(0, slash), partition: Number(id.slice(slash + 1)) }
}

/**
 * The checkpoint as Hudi Streamer's Kafka sources write it: `topic,0:12,1:34`, each the offset to read next. With
 * it a user may go on with Hudi Streamer where Sluice stopped.
 */
export function streamerCheckpoint(topic: string, positions: Positions): string {
  const offsets = [...positions]
    .map(([id, position]) => ({ split: parseSplitId(id), position }))
    // Others may be of another source that writes into the same table, and look otherwise.
    .filter(({ split }) => split.topic === topic)
    .map(({ split, position }) => ({ split, offset: parsePosition(position).offset }))
    .toSorted((a, b) => a.split.partition - b.split.partition)
  return [topic, ...offsets.map(({ split, offset }) => `${split.partition}:${offset}`)].join(',')
}

/** The positions a checkpoint of Hudi Streamer stands for, by split. @throws ConfigError SPEC_INVALID */
export function positionsOfCheckpoint(checkpoint: string): Map<string, Position> {
  const [topic = '', ...offsets] = checkpoint.split(',')
  const parts = offsets.map(text => /^(\d{1,10}):(\d{1,16})$/.exec(text))
  if (topic === '' || parts.length === 0 || parts.includes(null))
    throw new ConfigError(`${checkpoint} is no checkpoint of a Kafka source of Hudi Streamer`, {
      code: 'SPEC_INVALID',
      context: { checkpoint },
    })
  return new Map(
    parts.map(part => [
      splitId(topic, Number(part![1])),
      formatPosition({ offset: Number(part![2]), sequence: 0n, end: null }),
    ]),
  )
}
