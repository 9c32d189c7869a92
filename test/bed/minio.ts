/**
 * An S3 server for tests: MinIO, built from its Go module. Path-style addressing, region us-east-1, no web console.
 * The objects stay over `restart()` and go with `stop()`.
 */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

import { freePort } from '#scripts/free-port.ts'
import { ServerProcess } from '#scripts/server-process.ts'

import { minioProgram, temporaryDir } from './cache.ts'

export interface BedMinio {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
  readonly port: number
  /** Throws while the server is down. */
  readonly pid: number
  createBucket(name: string): Promise<void>
  stop(): Promise<void>
  kill9(): Promise<void>
  restart(): Promise<void>
}

export interface BedMinioOptions {
  /** The address to listen on; loopback unless given. Pods reach only the node's address. */
  readonly host?: string
}

export async function startMinio({ host = '127.0.0.1' }: BedMinioOptions = {}): Promise<BedMinio> {
  const dir = temporaryDir('minio')
  const port = await freePort(host)
  const endpoint = `http://${host}:${port}`
  const credentials = { accessKey: 'bedaccess', secretKey: 'bedsecret123' }
  const region = 'us-east-1'
  const server = await ServerProcess.start({
    name: 'MinIO',
    command: minioProgram,
    args: ['server', '--quiet', '--address', `${host}:${port}`, join(dir, 'data')],
    env: {
      MINIO_ROOT_USER: credentials.accessKey,
      MINIO_ROOT_PASSWORD: credentials.secretKey,
      MINIO_REGION: region,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_CALLHOME_ENABLE: 'off',
      HOME: dir,
    },
    logPath: join(dir, 'minio.log'),
    ready: async () => (await fetch(`${endpoint}/minio/health/ready`)).ok,
    readyTimeoutMs: 60_000,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 10_000,
    orphanSignal: 'KILL',
  })
  return {
    endpoint,
    ...credentials,
    region,
    port,
    get pid() {
      return server.pid
    },
    createBucket: name => createBucket(name, { endpoint, region, ...credentials }),
    kill9: () => server.kill9(),
    restart: () => server.restart(),
    async stop() {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function createBucket(
  name: string,
  server: { endpoint: string; region: string; accessKey: string; secretKey: string },
): Promise<void> {
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
  })
  try {
    await client.send(new CreateBucketCommand({ Bucket: name }))
  } finally {
    client.destroy()
  }
}
