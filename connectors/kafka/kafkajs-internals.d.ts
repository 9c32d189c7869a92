// The parts of kafkajs below its consumer, which has no way to read given partitions from given offsets. The
// package is pinned to one version and unmaintained, so these files do not move; only client.ts may import them.

declare module 'kafkajs/src/network/connectionPool.js' {
  export interface ConnectionPoolOptions {
    host: string
    port: number
    clientId: string
    ssl: import('node:tls').ConnectionOptions | null
    sasl: { mechanism: string; username: string; password: string } | null
    socketFactory: unknown
    connectionTimeout: number
    requestTimeout: number
    enforceRequestTimeout: boolean
    maxInFlightRequests: number | null
    logger: unknown
  }
  export interface Exchange {
    request: unknown
    response: { decode(raw: Buffer): Promise<unknown>; parse(data: never): Promise<unknown> }
    requestTimeout?: number
    logResponseError?: boolean
  }
  export default class ConnectionPool {
    constructor(options: ConnectionPoolOptions)
    send(exchange: Exchange): Promise<unknown>
    map<T>(visit: (connection: { rejectRequests(error: Error): void }) => T): T[]
  }
}

declare module 'kafkajs/src/broker/index.js' {
  import type ConnectionPool from 'kafkajs/src/network/connectionPool.js'
  import type { Exchange } from 'kafkajs/src/network/connectionPool.js'
  export default class Broker {
    constructor(options: {
      connectionPool: ConnectionPool
      logger: unknown
      authenticationTimeout: number
      allowAutoTopicCreation: boolean
    })
    readonly connectionPool: ConnectionPool
    connect(): Promise<void>
    disconnect(): Promise<void>
    lookupRequest(apiKey: number, definition: unknown): (request: object) => Exchange
  }
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    /** What it needs is not all here: only so that one can be made. */
    constructor(options: { maxInFlightRequests: number | null; logger: { debug(): void } })
    readonly pending: unknown[]
    readonly throttleCheckTimeoutId: unknown
    throttledUntil: number
    scheduleCheckPendingRequests(): void
    destroy(): void
  }
}

declare module 'kafkajs/src/network/socketFactory.js' {
  export default function socketFactory(): unknown
}

declare module 'kafkajs/src/loggers/index.js' {
  interface LogEntry {
    namespace: string
    level: number
    log: { message: string; [field: string]: unknown }
  }
  const loggers: {
    LEVELS: { ERROR: number; WARN: number; INFO: number }
    createLogger(options: { level: number; logCreator(): (entry: LogEntry) => void }): unknown
  }
  export default loggers
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  const protocol: { requests: Readonly<Record<string, unknown>> }
  export default protocol
}

declare module 'kafkajs/src/protocol/requests/apiKeys.js' {
  const apiKeys: Readonly<Record<string, number>>
  export default apiKeys
}
