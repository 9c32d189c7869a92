// The port to Kafka: what the connector needs of a cluster, and nothing of any client library. Its one
// implementation (kafkajs-client.ts) can be replaced without touching the rest of the folder.
import type { FetchResponse } from './fetch-response.ts'

export interface TopicInfo {
  name: string
  internal: boolean
  /** The topic does not exist. */
  missing: boolean
  /** The user may not see it. */
  forbidden: boolean
  /**
   * Partition number and the node that leads it; −1 while there is no leader. In order of the numbers. None while a
   * broker does not know the topic yet, or not any more.
   */
  partitions: readonly { partition: number; leader: number }[]
}

export interface TopicPartition {
  topic: string
  partition: number
}

export interface PartitionOffset extends TopicPartition {
  offset: number
}

/** Stands for a time in offsets(): the first offset still there, and the one behind the last committed record. */
export const earliest = -2
export const latest = -1

export interface FetchRequest {
  partitions: readonly (PartitionOffset & { bytesMax: number })[]
  /** The broker answers with nothing after this long. */
  waitMs: number
  /** Of all partitions together; the first one always gets at least one batch. */
  bytesMax: number
}

/**
 * Every call may throw TransientError SOURCE_UNREACHABLE (try again), ConfigError SOURCE_AUTH_FAILED,
 * SOURCE_TLS_FAILED or KAFKA_VERSION_UNSUPPORTED.
 */
export interface KafkaClient {
  /** These topics, or all when null. Also learns where the nodes are. */
  topics(names: readonly string[] | null): Promise<readonly TopicInfo[]>
  /**
   * For each partition the first offset at or after the time (ms), or `earliest` or `latest`. Partitions that have
   * no leader at the moment throw TransientError; a time behind the last record gives the end.
   */
  offsets(partitions: readonly TopicPartition[], time: number): Promise<readonly PartitionOffset[]>
  /** Reads committed records from the node that leads the partitions. */
  fetch(node: number, request: FetchRequest): Promise<FetchResponse>
  /** Writes offsets into a consumer group that nobody joins. */
  commitOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void>
  deleteGroup(group: string): Promise<void>
  close(): Promise<void>
}
