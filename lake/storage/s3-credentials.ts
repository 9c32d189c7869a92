// Keys that are read again now and then, and at once when the store refuses them: a Secret may be renewed while a
// worker runs.
import type { S3Credentials } from './s3-options.ts'
import type { Clock } from '#common/clock.ts'

/** Well below what a session of temporary keys lasts. */
const rereadAfterMs = 60_000

export class RenewableCredentials {
  readonly #read: () => Promise<S3Credentials>
  readonly #clock: Clock
  #current: S3Credentials | null = null
  #readAtMs = 0

  constructor(read: () => Promise<S3Credentials>, clock: Clock) {
    this.#read = read
    this.#clock = clock
  }

  /** The keys to use now. Asked before every request, since what it gives counts as about to expire. */
  async current(): Promise<S3Credentials & { expiration: Date }> {
    const nowMs = this.#clock.nowMs()
    if (this.#current === null || this.#clock.monotonicMs() - this.#readAtMs > rereadAfterMs)
      await this.#readAgain()
    return { ...this.#current!, expiration: new Date(nowMs + rereadAfterMs) }
  }

  /** Reads them again; true when they are others than those that were refused. */
  async renew(): Promise<boolean> {
    const before = this.#current
    await this.#readAgain()
    return before === null || !isSame(before, this.#current!)
  }

  async #readAgain(): Promise<void> {
    this.#current = await this.#read()
    this.#readAtMs = this.#clock.monotonicMs()
  }
}

function isSame(a: S3Credentials, b: S3Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey === b.secretAccessKey &&
    a.sessionToken === b.sessionToken
  )
}
