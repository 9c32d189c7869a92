// A store in a bucket of S3 or of a server that speaks its protocol. Create-if-absent is `If-None-Match: *`
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). The client retries by itself,
// so a 412 may answer our own first try: then the content decides.
import type * as Sdk from '@aws-sdk/client-s3'
import { ChunkSource } from './chunk-source.ts'
import { invalidUrl } from './invalid-url.ts'
import type { ObjectInfo, ObjectStore } from './object-store.ts'
import type { OpenStore } from './store-kind.ts'
import { comparePaths, joinPath } from './path-order.ts'
import type { TaggedObject, TaggedStore } from './tagged-store.ts'
import { isBadRange, isNoObject, isPreconditionFailed, isWriteConflict, s3Error } from './s3-error.ts'
import { maxAttempts, S3Connection } from './s3-client.ts'
import { abortUploads, partBytes, partsOf, uploadInParts } from './s3-upload.ts'
import { ConfigError, TransientError } from '#common/errors.ts'
import { nextDelayMs } from '#common/retry.ts'

const mebibyte = 1024 * 1024
/** Larger objects are uploaded in parts. */
const singlePutBytesMax = 16 * mebibyte
/** The largest object the store is asked to copy: it may be silent meanwhile. S3 would copy up to 5 GiB. */
const copyBytesMax = 1024 * mebibyte
const deleteBatch = 1000
const bodyTries = 3
/** Between two tries of a conditional write that met another one. */
const conflictBackoff = { firstMs: 20, maxMs: 1_000, tries: maxAttempts }

export const openS3Store: OpenStore = async (url, { s3 = {}, clock }) => {
  if (url.host === '') throw invalidUrl(url, 'the bucket is missing: s3://bucket/prefix')
  if (url.host.endsWith('--x-s3'))
    throw invalidUrl(url, 'a directory bucket (S3 Express) lists in no order and cannot hold a lake')
  const prefix = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, '')
  return new S3Store(await S3Connection.open(url.host, s3, clock), prefix, true)
}

export class S3Store implements ObjectStore, TaggedStore {
  readonly url: string
  readonly #connection: S3Connection
  readonly #prefix: string
  readonly #isRoot: boolean

  constructor(connection: S3Connection, prefix: string, isRoot: boolean) {
    this.#connection = connection
    this.#isRoot = isRoot
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.url = `s3://${joinPath(connection.bucket, prefix)}`
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    try {
      if (bytes.length > singlePutBytesMax)
        await uploadInParts(this.#connection, this.#key(path), partsOf([bytes]))
      else await this.#putObject(path, bytes)
    } catch (error) {
      throw this.#error(error, path)
    }
  }

  async putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const source = new ChunkSource(chunks)
    try {
      await uploadInParts(this.#connection, this.#key(path), partsOf(source))
    } catch (error) {
      throw source.errorOf(error, () => this.#error(error, path))
    }
  }

  async copy(from: string, to: string): Promise<boolean> {
    try {
      const { ContentLength = 0 } = await this.#connection.send(
        new this.#sdk.HeadObjectCommand(this.#key(from)),
      )
      if (ContentLength > copyBytesMax) await this.putStream(to, this.#ranges(from, ContentLength))
      else
        await this.#connection.send(
          new this.#sdk.CopyObjectCommand({
            ...this.#key(to),
            ...this.#connection.encryption,
            CopySource: this.#copySource(from),
          }),
          ContentLength,
        )
      return true
    } catch (error) {
      if (isNoObject(error)) return false
      throw this.#error(error, from)
    }
  }

  async putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    const { clock } = this.#connection
    for (let tried = 1, delayMs = 0; ; tried++) {
      try {
        await this.#putObject(path, bytes, { IfNoneMatch: '*' })
        return true
      } catch (error) {
        if (isPreconditionFailed(error)) {
          const isFirstAnswer = tried === 1 && error.$metadata.attempts === 1
          return isFirstAnswer ? false : this.#holds(path, bytes)
        }
        // Two conditional writes met (409): neither is known to have won.
        if (!isWriteConflict(error) || tried >= maxAttempts) throw this.#error(error, path)
        delayMs = nextDelayMs(conflictBackoff, delayMs, clock.random())
        await clock.sleep(delayMs)
      }
    }
  }

  async getTagged(path: string): Promise<TaggedObject | null> {
    const answer = await this.#answerTo(new this.#sdk.GetObjectCommand(this.#key(path)), path)
    if (answer === null || answer === 'bad range') return null
    try {
      return {
        bytes: (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0),
        tag: answer.ETag ?? '',
      }
    } catch (error) {
      throw this.#error(error, path)
    }
  }

  async putTagged(path: string, bytes: Uint8Array, tag: string | null): Promise<string | null> {
    try {
      return await this.#putObject(path, bytes, tag === null ? { IfNoneMatch: '*' } : { IfMatch: tag })
    } catch (error) {
      if (!isPreconditionFailed(error) && !isNoObject(error)) throw this.#error(error, path)
      // The client retries by itself, so this may answer the second of two tries of which the first was taken.
      const there = await this.getTagged(path)
      return there !== null && Buffer.compare(there.bytes, bytes) === 0 ? there.tag : null
    }
  }

  async get(path: string): Promise<Uint8Array | null> {
    return this.#read(path, undefined)
  }

  async getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    // A range of no bytes cannot be asked for.
    const end = start + Math.max(1, length) - 1
    const bytes = await this.#read(path, start < 0 ? `bytes=${start}` : `bytes=${start}-${end}`)
    return bytes && bytes.subarray(0, length)
  }

  async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    let token: string | undefined
    let last = startAfter
    do {
      const page = await this.#listPage(prefix, startAfter, token)
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        const path = Key!.slice(this.#prefix.length)
        // The journal's newest entry is the last one listed: out of order would be silently wrong.
        if (last !== undefined && comparePaths(path, last) <= 0) throw this.#unreliable('out of order', path)
        last = path
        const modified = LastModified === undefined ? {} : { modifiedAtMs: LastModified.getTime() }
        yield { path, sizeBytes: Size ?? 0, ...modified }
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
      if (page.IsTruncated === true && token === undefined)
        throw this.#unreliable('not to the end', last ?? '')
    } while (token !== undefined)
  }

  async delete(paths: readonly string[]): Promise<void> {
    for (let from = 0; from < paths.length; from += deleteBatch) {
      const batch = paths.slice(from, from + deleteBatch)
      try {
        await this.#deleteBatch(batch)
      } catch (error) {
        throw this.#error(error, batch[0]!)
      }
    }
  }

  async removeUnfinished(beforeMs: number): Promise<void> {
    try {
      await abortUploads(this.#connection, this.#prefix, beforeMs)
    } catch (error) {
      const mapped = this.#error(error, '')
      // To list uploads is a right of its own, on the whole bucket, and a rule of the bucket's life cycle does as well.
      if (!(mapped instanceof ConfigError)) throw mapped
    }
  }

  at(prefix: string): S3Store {
    return new S3Store(this.#connection, joinPath(this.#prefix, prefix).replace(/\/$/, ''), false)
  }

  close(): Promise<void> {
    if (this.#isRoot) this.#connection.close()
    return Promise.resolve()
  }

  get #sdk(): typeof Sdk {
    return this.#connection.sdk
  }

  #key(path: string): { Bucket: string; Key: string } {
    return { Bucket: this.#connection.bucket, Key: this.#prefix + path }
  }

  /** Returns the ETag. */
  async #putObject(
    path: string,
    bytes: Uint8Array,
    more: { IfNoneMatch?: string; IfMatch?: string } = {},
  ): Promise<string> {
    const { encryption } = this.#connection
    const request = { ...this.#key(path), ...encryption, ...more, Body: bytes }
    const { ETag } = await this.#connection.send(new this.#sdk.PutObjectCommand(request), bytes.length)
    return ETag ?? ''
  }

  #copySource(path: string): string {
    const { Bucket, Key } = this.#key(path)
    return `${Bucket}/${Key.split('/').map(encodeURIComponent).join('/')}`
  }

  async *#ranges(path: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < sizeBytes; at += partBytes) {
      const bytes = await this.getRange(path, at, partBytes)
      if (bytes === null) throw this.#error(new Error('it was removed while it was read'), path)
      yield bytes
    }
  }

  #error(error: unknown, path: string): Error {
    return s3Error(error, joinPath(this.url, path))
  }

  #unreliable(how: string, path: string): ConfigError {
    return new ConfigError(`The store lists ${how}: ${joinPath(this.url, path)}`, {
      code: 'STORAGE_LIST_UNRELIABLE',
      context: { url: this.url, path },
    })
  }

  async #holds(path: string, bytes: Uint8Array): Promise<boolean> {
    const there = await this.get(path)
    return there !== null && Buffer.compare(there, bytes) === 0
  }

  /** Reads all or a range. The client does not retry once the body has begun, so a torn one is read again here. */
  async #read(path: string, range: string | undefined): Promise<Uint8Array | null> {
    const request = range === undefined ? this.#key(path) : { ...this.#key(path), Range: range }
    for (let tried = 1; ; tried++) {
      const answer = await this.#answerTo(new this.#sdk.GetObjectCommand(request), path)
      if (answer === null || answer === 'bad range') return answer && new Uint8Array(0)
      try {
        return (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0)
      } catch (error) {
        const mapped = this.#error(error, path)
        if (!(mapped instanceof TransientError) || tried >= bodyTries) throw mapped
      }
    }
  }

  async #answerTo(
    command: Sdk.GetObjectCommand,
    path: string,
  ): Promise<Sdk.GetObjectCommandOutput | 'bad range' | null> {
    try {
      return await this.#connection.send(command)
    } catch (error) {
      if (isNoObject(error)) return null
      if (isBadRange(error)) return 'bad range'
      throw this.#error(error, path)
    }
  }

  async #listPage(
    prefix: string,
    startAfter: string | undefined,
    token: string | undefined,
  ): Promise<Sdk.ListObjectsV2CommandOutput> {
    try {
      return await this.#connection.send(
        new this.#sdk.ListObjectsV2Command({
          Bucket: this.#connection.bucket,
          Prefix: this.#prefix + prefix,
          ...(token === undefined ? {} : { ContinuationToken: token }),
          ...(startAfter === undefined ? {} : { StartAfter: this.#prefix + startAfter }),
        }),
      )
    } catch (error) {
      throw this.#error(error, prefix)
    }
  }

  async #deleteBatch(paths: readonly string[]): Promise<void> {
    if (paths.length === 1) {
      await this.#connection.send(new this.#sdk.DeleteObjectCommand(this.#key(paths[0]!)))
      return
    }
    const { Errors = [] } = await this.#connection.send(
      new this.#sdk.DeleteObjectsCommand({
        Bucket: this.#connection.bucket,
        Delete: { Quiet: true, Objects: paths.map(path => ({ Key: this.#prefix + path })) },
      }),
    )
    const failed = Errors.find(({ Code }) => Code !== 'NoSuchKey')
    if (failed !== undefined)
      throw Object.assign(new Error(failed.Message ?? failed.Code ?? 'not deleted'), {
        name: failed.Code ?? '',
      })
  }
}
