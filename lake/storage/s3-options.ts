// How to reach a bucket. All of it comes from a DataSource (connectors/hudi/spec.ts) or from a command line.

export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

export interface S3Encryption {
  /** As the header `x-amz-server-side-encryption` has it. */
  algorithm: 'AES256' | 'aws:kms'
  /** Key of the key service, for `aws:kms`; the bucket's default key when absent. */
  keyId?: string
}

export interface S3Options {
  /** URL of an S3-compatible server; AWS when absent. */
  endpoint?: string
  /** From the environment when absent; `us-east-1` for an endpoint. */
  region?: string
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. */
  pathStyle?: boolean
  /**
   * Keys, or where to read them whenever they may have changed. When absent, AWS's chain: environment, profile, web
   * identity, instance role.
   */
  credentials?: S3Credentials | (() => Promise<S3Credentials>)
  /** What the store is asked to encrypt new objects with; its own default when absent. */
  encryption?: S3Encryption
  /** Whether checksums are sent and checked wherever the protocol knows them, or only where it demands them (default). */
  requestChecksumCalculation?: 'WHEN_REQUIRED' | 'WHEN_SUPPORTED'
  /** CA certificates to trust, PEM; those Node.js trusts when absent. */
  ca?: string
  /** Whether whoever answers is taken for the store. */
  insecureSkipVerify?: boolean
  timeouts?: Partial<S3Timeouts>
}

export interface S3Timeouts {
  /** Until a connection is made. */
  connectMs: number
  /** Without a byte in either direction. */
  silenceMs: number
  /** For one call, all tries together, until its answer begins; time to send the body comes on top. */
  callMs: number
}

export const defaultTimeouts: S3Timeouts = { connectMs: 5_000, silenceMs: 20_000, callMs: 45_000 }
