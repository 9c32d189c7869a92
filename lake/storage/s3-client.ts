// The connection to a bucket: AWS's client, set up so that no call takes longer than it should. The client retries by
// itself with jittered back-off and a budget; a call as a whole has a deadline, and a server that takes connections
// and says nothing is given up on as soon as it has been silent for a while.
import type * as Sdk from '@aws-sdk/client-s3'
import { globalAgent } from 'node:https'
import { RenewableCredentials } from './s3-credentials.ts'
import { mayBeRefusedKey } from './s3-error.ts'
import type { S3Options, S3Timeouts } from './s3-options.ts'
import { defaultTimeouts } from './s3-options.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError, TransientError } from '#common/errors.ts'

/** Tries of one request. */
export const maxAttempts = 5
/** Slower than this a body is not sent over any network that a lake is worth having on. */
const bytesPerMsMin = 256
const socketsMax = 64

type S3Command<Input extends Sdk.ServiceInputTypes, Output extends Sdk.ServiceOutputTypes> = Sdk.$Command<
  Input,
  Output,
  Sdk.S3ClientResolvedConfig,
  Sdk.ServiceInputTypes,
  Sdk.ServiceOutputTypes
>

export interface EncryptionFields {
  ServerSideEncryption?: 'AES256' | 'aws:kms'
  SSEKMSKeyId?: string
}

interface ConnectionParts {
  bucket: string
  clock: Clock
  encryption: EncryptionFields
  credentials: RenewableCredentials | null
  timeouts: S3Timeouts
}

/** Shared by the stores of one bucket. */
export class S3Connection {
  readonly sdk: typeof Sdk
  readonly bucket: string
  readonly clock: Clock
  /** To be part of each request that makes an object. */
  readonly encryption: EncryptionFields
  readonly #client: Sdk.S3Client
  readonly #credentials: RenewableCredentials | null
  readonly #timeouts: S3Timeouts

  private constructor(sdk: typeof Sdk, client: Sdk.S3Client, parts: ConnectionParts) {
    this.sdk = sdk
    this.#client = client
    this.bucket = parts.bucket
    this.clock = parts.clock
    this.encryption = parts.encryption
    this.#credentials = parts.credentials
    this.#timeouts = parts.timeouts
  }

  /** @throws ConfigError STORAGE_REGION_WRONG when nothing says where the bucket lies, STORAGE_TLS_FAILED */
  static async open(bucket: string, options: S3Options, clock: Clock): Promise<S3Connection> {
    const sdk = await import('@aws-sdk/client-s3')
    const timeouts = { ...defaultTimeouts, ...options.timeouts }
    const { credentials: given } = options
    const credentials = typeof given === 'function' ? new RenewableCredentials(given, clock) : null
    const client = new sdk.S3Client({
      ...clientConfig(options, timeouts),
      ...(credentials !== null && { credentials: () => credentials.current() }),
    })
    await client.config.region().catch((cause: unknown) => {
      throw new ConfigError(
        `The region of the bucket ${bucket} is not known: set hudi.s3.region or AWS_REGION`,
        {
          code: 'STORAGE_REGION_WRONG',
          cause,
          context: { bucket },
        },
      )
    })
    const encryption = encryptionFields(options.encryption)
    return new S3Connection(sdk, client, { bucket, clock, encryption, credentials, timeouts })
  }

  /**
   * Sends a request, again where that may help, until its answer begins.
   * @param bodyBytes what is sent along: it takes its time
   * @throws what the client throws, and TransientError STORAGE_UNAVAILABLE when the time is over
   */
  async send<Input extends Sdk.ServiceInputTypes, Output extends Sdk.ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    bodyBytes = 0,
    callMs = this.#timeouts.callMs,
  ): Promise<Output> {
    // Once the answer has begun its body may take as long as it flows; the silence limit watches over it.
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), callMs + bodyBytes / bytesPerMsMin)
    try {
      return await this.#sendWithFreshKeys(command, deadline.signal)
    } catch (error) {
      throw deadline.signal.aborted ? noAnswer(error) : error
    } finally {
      clearTimeout(timer)
    }
  }

  async #sendWithFreshKeys<Input extends Sdk.ServiceInputTypes, Output extends Sdk.ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    abortSignal: AbortSignal,
  ): Promise<Output> {
    try {
      return await this.#client.send(command, { abortSignal })
    } catch (error) {
      if (this.#credentials === null || !mayBeRefusedKey(error)) throw error
      if (!(await this.#credentials.renew())) throw error
      return await this.#client.send(command, { abortSignal })
    }
  }

  close(): void {
    this.#client.destroy()
  }
}

function noAnswer(cause: unknown): TransientError {
  return new TransientError('The store did not answer in time', { code: 'STORAGE_UNAVAILABLE', cause })
}

function encryptionFields(encryption: S3Options['encryption']): EncryptionFields {
  if (encryption === undefined) return {}
  const { algorithm, keyId } = encryption
  return { ServerSideEncryption: algorithm, ...(keyId !== undefined && { SSEKMSKeyId: keyId }) }
}

function clientConfig(options: S3Options, { connectMs, silenceMs }: S3Timeouts): Sdk.S3ClientConfig {
  const { endpoint, credentials } = options
  const region = options.region ?? (endpoint === undefined ? undefined : 'us-east-1')
  // Many compatible servers do not understand the checksums the client adds by default.
  const checksums = options.requestChecksumCalculation ?? 'WHEN_REQUIRED'
  return {
    maxAttempts,
    retryMode: 'standard',
    forcePathStyle: options.pathStyle ?? false,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    requestHandler: {
      connectionTimeout: connectMs,
      socketTimeout: silenceMs,
      httpAgent: agentOptions(),
      httpsAgent: {
        ...agentOptions(),
        ...(options.ca !== undefined && { ca: options.ca }),
        ...(options.insecureSkipVerify === true && { rejectUnauthorized: false }),
      },
    },
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(typeof credentials === 'object' && { credentials }),
  }
}

/** `proxyEnv`: with NODE_USE_ENV_PROXY, Node.js's own agents go by HTTPS_PROXY and NO_PROXY; so do these. */
function agentOptions(): { maxSockets: number; proxyEnv?: NodeJS.ProcessEnv } {
  const { proxyEnv } = globalAgent.options as { proxyEnv?: NodeJS.ProcessEnv }
  return { maxSockets: socketsMax, ...(proxyEnv !== undefined && { proxyEnv }) }
}
