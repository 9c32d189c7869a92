// The one way a Kafka position is lost: its offset is no longer in the partition, because retention removed it, or
// because the topic was made anew.
import { PositionLostError } from '#common/errors.ts'

export interface LostOffset {
  topic: string
  partition: number
  /** The offset to read next. */
  offset: number
  earliest: number
  latest: number
}

export function offsetLost(lost: LostOffset): PositionLostError {
  const { topic, partition, offset, earliest, latest } = lost
  return new PositionLostError(
    `Offset ${offset} of ${topic}/${partition} is gone: the partition holds ${earliest} to ${latest}`,
    { code: 'KAFKA_OFFSET_LOST', context: { topic, partition, offset, earliest, latest } },
  )
}
