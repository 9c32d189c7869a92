// KafkaClient over kafkajs: its connections, SASL and request encoding, below its consumer and its cluster. Nodes
// are kept here, because kafkajs' own pool asks for all topics and fails when any partition anywhere is offline;
// fetched records stay raw bytes, because its decoder makes an object per record.
import type { ConnectionOptions } from 'node:tls'
import Broker from 'kafkajs/src/broker/index.js'
import ConnectionPool from 'kafkajs/src/network/connectionPool.js'
import type { Exchange } from 'kafkajs/src/network/connectionPool.js'
import socketFactory from 'kafkajs/src/network/socketFactory.js'
import loggers from 'kafkajs/src/loggers/index.js'
import protocol from 'kafkajs/src/protocol/requests/index.js'
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js'
import type { Logger } from '#common/logger.ts'
import { ConfigError, TransientError } from '#common/errors.ts'
import type { FetchRequest, KafkaClient, PartitionOffset, TopicInfo, TopicPartition } from './client.ts'
import { latest } from './client.ts'
import './kafkajs-timers.ts'
import { KafkaError, clientError } from './client-errors.ts'
import type { FetchResponse } from './fetch-response.ts'
import { readFetchResponse } from './fetch-response.ts'
import { readInt32 } from './wire.ts'

export interface KafkajsClientOptions {
  /** `host:port` of some brokers; the others are learned. */
  brokers: readonly string[]
  clientId: string
  /** Reads the secrets for each connection: a mounted Secret changes while the worker runs. */
  login: () => Promise<Login>
  logger: Logger
}

export interface Login {
  tls: ConnectionOptions | null
  sasl: { mechanism: string; username: string; password: string } | null
}

const connectTimeoutMs = 10_000
const requestTimeoutMs = 20_000
/** Fetch version 11 is what readFetchResponse() reads: Kafka 2.3 and later. */
const fetchVersion = 11

interface Node {
  address: string
  broker: Broker
}

export function openKafkajsClient(options: KafkajsClientOptions): KafkaClient {
  return new KafkajsClient(options)
}

class KafkajsClient implements KafkaClient {
  readonly #options: KafkajsClientOptions
  readonly #log: unknown
  /** Connections by `host:port`. */
  readonly #nodes = new Map<string, Node>()
  /** `host:port` by node id. */
  readonly #addresses = new Map<number, string>()
  #turn = 0
  #closed = false

  constructor(options: KafkajsClientOptions) {
    this.#options = options
    this.#log = libraryLogger(options.logger)
  }

  async topics(names: readonly string[] | null): Promise<readonly TopicInfo[]> {
    const found = (await this.#anywhere('Metadata', {
      topics: names ?? [],
      allowAutoTopicCreation: false,
    })) as MetadataResponse
    for (const { nodeId, host, port } of found.brokers) this.#addresses.set(nodeId, `${host}:${port}`)
    return found.topicMetadata.map(topic => ({
      name: topic.topic,
      internal: topic.isInternal,
      missing: topic.topicErrorCode === KafkaError.unknownTopicOrPartition,
      forbidden: topic.topicErrorCode === KafkaError.topicAuthorizationFailed,
      partitions: topic.partitionMetadata
        .map(({ partitionId, leader }) => ({ partition: partitionId, leader }))
        .toSorted((a, b) => a.partition - b.partition),
    }))
  }

  async offsets(partitions: readonly TopicPartition[], time: number): Promise<readonly PartitionOffset[]> {
    if (partitions.length === 0) return []
    const leaders = await this.#leaders(partitions)
    const answers = await Promise.all(
      [...Map.groupBy(partitions, at => leaders.get(`${at.topic}/${at.partition}`) ?? -1)].map(
        async ([node, led]) => this.#offsetsAt(node, led, time),
      ),
    )
    const found = answers.flat()
    const late = found.filter(({ offset }) => offset < 0)
    // A time after the last record has no offset: reading begins at the end.
    if (late.length === 0 || time === latest) return found
    return [...found.filter(({ offset }) => offset >= 0), ...(await this.offsets(late, latest))]
  }

  async fetch(node: number, request: FetchRequest): Promise<FetchResponse> {
    const topics = [...Map.groupBy(request.partitions, at => at.topic)].map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map(at => ({
        partition: at.partition,
        fetchOffset: String(at.offset),
        maxBytes: at.bytesMax,
      })),
    }))
    const connected = await this.#node(this.#addressOf(node))
    return (await this.#exchange(connected, broker => {
      const made = broker.lookupRequest(
        apiKeys['Fetch']!,
        protocol.requests['Fetch'],
      )({
        maxWaitTime: request.waitMs,
        minBytes: 1,
        maxBytes: request.bytesMax,
        topics,
        rackId: '',
      })
      const { apiVersion } = made.request as { apiVersion: number }
      if (apiVersion !== fetchVersion)
        throw new ConfigError(`The Kafka broker ${connected.address} is older than Kafka 2.3`, {
          code: 'KAFKA_VERSION_UNSUPPORTED',
        })
      return { ...made, response: rawFetchResponse }
    })) as FetchResponse
  }

  async commitOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    const topics = [...Map.groupBy(offsets, at => at.topic)].map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map(at => ({ partition: at.partition, offset: String(at.offset) })),
    }))
    const coordinator = await this.#coordinator(group)
    // Generation −1 and no member: an offset from outside, which an empty group accepts.
    await this.#call(coordinator, 'OffsetCommit', {
      groupId: group,
      groupGenerationId: -1,
      memberId: '',
      topics,
    })
  }

  async deleteGroup(group: string): Promise<void> {
    const coordinator = await this.#coordinator(group)
    const answer = (await this.#call(coordinator, 'DeleteGroups', [group], 'raw')) as {
      results: readonly { errorCode: number }[]
    }
    const code = answer.results[0]?.errorCode ?? 0
    if (code !== KafkaError.none && code !== KafkaError.groupIdNotFound)
      throw new TransientError(`Kafka did not delete the consumer group ${group}`, {
        code: 'SOURCE_UNREACHABLE',
        context: { kafkaError: code },
      })
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#nodes.keys()].map(async address => this.#drop(address)))
  }

  async #offsetsAt(
    node: number,
    partitions: readonly TopicPartition[],
    time: number,
  ): Promise<PartitionOffset[]> {
    const topics = [...Map.groupBy(partitions, at => at.topic)].map(([topic, wanted]) => ({
      topic,
      partitions: wanted.map(({ partition }) => ({ partition, timestamp: time })),
    }))
    const connected = await this.#node(this.#addressOf(node))
    const answer = (await this.#call(
      connected,
      'ListOffsets',
      { isolationLevel: 1, topics },
      'raw',
    )) as OffsetsResponse
    return answer.responses.flatMap(({ topic, partitions: found }) =>
      found.map(({ partition, errorCode, offset }) => {
        if (errorCode !== KafkaError.none)
          throw new TransientError(`Kafka gives no offset of ${topic}/${partition} now`, {
            code: 'SOURCE_UNREACHABLE',
            context: { topic, partition, kafkaError: errorCode },
          })
        return { topic, partition, offset: Number(offset) }
      }),
    )
  }

  async #leaders(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    const topics = await this.topics([...new Set(partitions.map(at => at.topic))])
    return new Map(
      topics.flatMap(topic =>
        topic.partitions.map(at => [`${topic.name}/${at.partition}`, at.leader] as const),
      ),
    )
  }

  async #coordinator(group: string): Promise<Node> {
    const { coordinator } = (await this.#anywhere('GroupCoordinator', {
      groupId: group,
      coordinatorType: 0,
    })) as { coordinator: { nodeId: number; host: string; port: number } }
    return this.#node(`${coordinator.host}:${coordinator.port}`)
  }

  /** Asks brokers in turn until one answers: those connected first, then all known, then those of the spec. */
  async #anywhere(api: string, request: object): Promise<unknown> {
    const known = [...this.#addresses.values()]
    const rest = [...new Set([...known, ...this.#options.brokers])].filter(
      address => !this.#nodes.has(address),
    )
    const start = this.#turn++
    const candidates = [...this.#nodes.keys(), ...rest.map((_, at) => rest[(at + start) % rest.length]!)]
    let failure: unknown
    for (const address of candidates) {
      try {
        return await this.#call(
          await this.#node(address),
          api,
          request,
          api === 'Metadata' ? 'raw' : 'parsed',
        )
      } catch (error) {
        if (!(error instanceof TransientError)) throw error
        failure = error
      }
    }
    throw failure
  }

  async #call(node: Node, api: string, request: object, as: 'parsed' | 'raw' = 'parsed'): Promise<unknown> {
    return this.#exchange(node, broker => {
      const made = broker.lookupRequest(apiKeys[api]!, protocol.requests[api])(request)
      // Raw: errors of single topics and partitions stay in the answer instead of failing all of it.
      const response =
        as === 'raw' ? { ...made.response, parse: async (data: unknown) => data } : made.response
      return { ...made, response, logResponseError: false }
    })
  }

  async #exchange(node: Node, make: (broker: Broker) => Exchange): Promise<unknown> {
    try {
      return await node.broker.connectionPool.send(make(node.broker))
    } catch (error) {
      const mapped = clientError(error, node.address)
      // An answer that says no came over a connection that works.
      const answered = (error as Error).name === 'KafkaJSProtocolError'
      if (mapped instanceof TransientError && !answered) await this.#drop(node.address)
      throw mapped
    }
  }

  #addressOf(node: number): string {
    const address = this.#addresses.get(node)
    if (address !== undefined) return address
    throw new TransientError('A partition has no leader at the moment', {
      code: 'SOURCE_UNREACHABLE',
      context: { node },
    })
  }

  async #node(address: string): Promise<Node> {
    if (this.#closed) throw new TransientError('The client is closed', { code: 'SOURCE_UNREACHABLE' })
    const node = this.#nodes.get(address) ?? (await this.#newNode(address))
    try {
      await node.broker.connect()
      return node
    } catch (error) {
      await this.#drop(address)
      throw clientError(error, address)
    }
  }

  async #newNode(address: string): Promise<Node> {
    const login = await this.#options.login()
    if (this.#closed) throw new TransientError('The client is closed', { code: 'SOURCE_UNREACHABLE' })
    // Another call may have made it meanwhile.
    const node = this.#nodes.get(address) ?? { address, broker: this.#broker(address, login) }
    this.#nodes.set(address, node)
    return node
  }

  #broker(address: string, { tls, sasl }: Login): Broker {
    const { clientId } = this.#options
    const colon = address.lastIndexOf(':')
    const connectionPool = new ConnectionPool({
      host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
      port: Number(address.slice(colon + 1)),
      clientId,
      ssl: tls,
      sasl,
      socketFactory: socketFactory(),
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      enforceRequestTimeout: true,
      maxInFlightRequests: null,
      logger: this.#log,
    })
    return new Broker({
      connectionPool,
      logger: this.#log,
      authenticationTimeout: connectTimeoutMs,
      allowAutoTopicCreation: false,
    })
  }

  async #drop(address: string): Promise<void> {
    const node = this.#nodes.get(address)
    if (node === undefined) return
    this.#nodes.delete(address)
    // Without this, disconnecting waits for requests that a dead broker never answers.
    node.broker.connectionPool.map(connection => connection.rejectRequests(new Error('Connection dropped')))
    await node.broker.disconnect()
  }
}

const rawFetchResponse: Exchange['response'] = {
  decode: async raw => ({ raw, clientSideThrottleTime: readInt32(raw, 0) }),
  parse: async ({ raw }: { raw: Buffer }) => readFetchResponse(raw),
}

interface MetadataResponse {
  brokers: readonly { nodeId: number; host: string; port: number }[]
  topicMetadata: readonly {
    topicErrorCode: number
    topic: string
    isInternal: boolean
    partitionMetadata: readonly { partitionId: number; leader: number }[]
  }[]
}

interface OffsetsResponse {
  responses: readonly {
    topic: string
    partitions: readonly { partition: number; errorCode: number; offset: string }[]
  }[]
}

/** kafkajs calls every lost connection an error; whether it is one is decided here, so its lines are for debugging. */
function libraryLogger(logger: Logger): unknown {
  return loggers.createLogger({
    level: loggers.LEVELS.INFO,
    logCreator: () => entry => logger.debug(entry.log.message, { client: entry.namespace }),
  })
}
