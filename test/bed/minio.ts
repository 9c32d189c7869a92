/**
 * An S3 server for tests: MinIO, built from its Go module. Path-style addressing, region us-east-1, no web console.
 * The objects stay over `restart()` and go with `stop()`.
 */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
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
  /** Settings of the server besides: `MINIO_KMS_SECRET_KEY` makes it encrypt. */
  readonly env?: Readonly<Record<string, string>>
  /** PEM; the server then speaks TLS only. */
  readonly tls?: { cert: string; key: string }
}

export async function startMinio({ host = '127.0.0.1', env, tls }: BedMinioOptions = {}): Promise<BedMinio> {
  const dir = temporaryDir('minio')
  const port = await freePort(host)
  const endpoint = `${tls ? 'https' : 'http'}://${host}:${port}`
  const certificates = join(dir, 'certs')
  mkdirSync(certificates)
  if (tls) {
    writeFileSync(join(certificates, 'public.crt'), tls.cert)
    writeFileSync(join(certificates, 'private.key'), tls.key)
  }
  const credentials = { accessKey: 'bedaccess', secretKey: 'bedsecret123' }
  const region = 'us-east-1'
  const server = await ServerProcess.start({
    name: 'MinIO',
    command: minioProgram,
    args: [
      'server',
      '--quiet',
      '--address',
      `${host}:${port}`,
      '--certs-dir',
      certificates,
      join(dir, 'data'),
    ],
    env: {
      MINIO_ROOT_USER: credentials.accessKey,
      MINIO_ROOT_PASSWORD: credentials.secretKey,
      MINIO_REGION: region,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_CALLHOME_ENABLE: 'off',
      HOME: dir,
      ...env,
    },
    logPath: join(dir, 'minio.log'),
    ready: () => isReady(`${endpoint}/minio/health/ready`, tls?.cert),
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
    createBucket: name => createBucket(name, { endpoint, region, ca: tls?.cert, ...credentials }),
    kill9: () => server.kill9(),
    restart: () => server.restart(),
    async stop() {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function isReady(url: string, ca: string | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const get = url.startsWith('https:') ? https.get : http.get
    const asked = get(url, { ca, agent: false }, answer => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked.on('error', reject)
  })
}

async function createBucket(
  name: string,
  server: { endpoint: string; region: string; ca: string | undefined; accessKey: string; secretKey: string },
): Promise<void> {
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    requestHandler: { httpsAgent: { ca: server.ca } },
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
  })
  try {
    await client.send(new CreateBucketCommand({ Bucket: name }))
  } finally {
    client.destroy()
  }
}
