/**
 * One Apache Kafka broker that is its own controller (KRaft), from the jars on Maven Central.
 * Topics are not made by themselves; internal topics live with one replica; a consumer group's first rebalance does
 * not wait. The data folder stays over `restart()` and goes with `stop()`.
 */
import { Kafka, logLevel } from 'kafkajs'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import '#connectors/kafka/kafkajs-timers.ts'
import { freePort } from '#scripts/free-port.ts'
import { ServerProcess } from '#scripts/server-process.ts'

import { kafkaDir, temporaryDir } from './cache.ts'

const HEAP = '-Xmx512m'

export interface BedKafkaOptions {
  /** The address to listen on and to advertise; loopback unless given. Pods reach only the node's address. */
  readonly host?: string
  /** Partitions of a topic that is made without saying how many; 1 unless given. */
  readonly partitionsDefault?: number
  /** More lines of server.properties. */
  readonly properties?: Readonly<Record<string, string>>
  /** A second listener, named SECURED, of this protocol; `properties` say how it works (`listener.name.secured.…`). */
  readonly secured?: 'SASL_PLAINTEXT' | 'SASL_SSL' | 'SSL'
  /** SCRAM credentials the cluster begins with, as StorageTool takes them: `SCRAM-SHA-512=[name=…,password=…]`. */
  readonly scram?: readonly string[]
}

export interface BedKafka {
  readonly brokers: string[]
  readonly port: number
  /** The SECURED listener, when there is one. */
  readonly securedBroker: string | null
  /** Throws while the broker is down. */
  readonly pid: number
  stop(): Promise<void>
  kill9(): Promise<void>
  restart(): Promise<void>
}

export async function startKafka(options: BedKafkaOptions = {}): Promise<BedKafka> {
  const dir = temporaryDir('kafka')
  const host = options.host ?? '127.0.0.1'
  const port = await freePort(host)
  const broker = `${host}:${port}`
  const propertiesPath = join(dir, 'server.properties')
  const securedBroker = options.secured === undefined ? null : `${host}:${await freePort(host)}`
  const controller = `127.0.0.1:${await freePort()}`
  const secured =
    securedBroker === null
      ? {}
      : {
          listeners: `PLAINTEXT://${broker},SECURED://${securedBroker},CONTROLLER://${controller}`,
          'advertised.listeners': `PLAINTEXT://${broker},SECURED://${securedBroker}`,
          'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:${options.secured}`,
        }
  const properties = serverProperties(dir, broker, controller, {
    ...options,
    properties: { ...secured, ...options.properties },
  })
  await writeFile(propertiesPath, properties)
  await formatStorage(propertiesPath, options.scram ?? [])
  const server = await ServerProcess.start({
    name: 'Kafka',
    command: 'java',
    args: [HEAP, ...javaOptions(), 'kafka.Kafka', propertiesPath],
    logPath: join(dir, 'kafka.log'),
    ready: () => answers(broker),
    readyTimeoutMs: 90_000,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 30_000,
    orphanSignal: 'KILL',
  })
  return {
    brokers: [broker],
    port,
    securedBroker,
    get pid() {
      return server.pid
    },
    kill9: () => server.kill9(),
    restart: () => server.restart(),
    async stop() {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function serverProperties(dir: string, broker: string, controller: string, options: BedKafkaOptions): string {
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${controller}`,
    listeners: `PLAINTEXT://${broker},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${broker}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(dir, 'data'),
    'num.partitions': options.partitionsDefault ?? 1,
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 5,
    'group.initial.rebalance.delay.ms': 0,
    // A broker that was killed may register again only when its old session has run out.
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    'log.cleaner.dedupe.buffer.size': 16_777_216,
    ...options.properties,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Writes meta.properties with a new cluster id: 16 bytes in url-safe base64, which must not begin with a dash. */
async function formatStorage(propertiesPath: string, scram: readonly string[]): Promise<void> {
  const clusterId = Buffer.concat([Buffer.of(0), randomBytes(15)]).toString('base64url')
  const users = scram.flatMap(credentials => ['--add-scram', credentials])
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', propertiesPath, ...users]
  await promisify(execFile)('java', ['-Xmx128m', '-XX:TieredStopAtLevel=1', ...javaOptions(), ...tool])
}

function javaOptions(): string[] {
  const logging = `-Dlog4j2.configurationFile=${join(kafkaDir, 'log4j2.properties')}`
  return ['-Xshare:auto', '-XX:+UseSerialGC', logging, '-cp', join(kafkaDir, 'lib', '*')]
}

/** A broker that is alive may still be fenced by its controller: only one that lists itself takes requests. */
async function answers(broker: string): Promise<boolean> {
  const client = new Kafka({
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    retry: { retries: 0 },
  })
  const admin = client.admin()
  try {
    await admin.connect()
    return (await admin.describeCluster()).brokers.length === 1
  } finally {
    await admin.disconnect()
  }
}
