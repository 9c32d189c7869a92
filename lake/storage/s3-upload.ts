// Uploads of objects that are made bit by bit: in parts, which S3 puts together when the last one came
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html). Nothing of an upload is visible before it is
// completed, and one that fails is aborted: its parts would be invisible but paid for.
import type * as Sdk from '@aws-sdk/client-s3'
import type { S3Connection } from './s3-client.ts'
import { isNoUpload } from './s3-error.ts'

export interface ObjectKey {
  Bucket: string
  Key: string
}

interface Part {
  number: number
  bytes: Uint8Array
  isLast: boolean
}

/** Every part but the last has this size. S3 takes 10,000 of at least 5 MiB. */
export const partBytes = 8 * 1024 * 1024
const parallelParts = 3

/** The chunks cut and joined into parts, at least one. */
export async function* partsOf(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size = partBytes,
): AsyncGenerator<Part> {
  let number = 1
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  for await (const chunk of chunks) {
    let rest = chunk
    // A full part is given out when there is more: only then it is known not to be the last.
    while (pendingBytes + rest.length > size) {
      const cut = size - pendingBytes
      yield { number: number++, bytes: joined([...pending, rest.subarray(0, cut)]), isLast: false }
      rest = rest.subarray(cut)
      pending = []
      pendingBytes = 0
    }
    pending.push(rest)
    pendingBytes += rest.length
  }
  yield { number, bytes: joined(pending), isLast: true }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

type Upload = ObjectKey & { UploadId: string | undefined }

/** An upload that failed may be left to the store's own cleaning: its abort is not worth a long wait. */
const abortMs = 5_000

/** Holds a few parts at a time. Throws what the parts throw, or the client. */
export async function uploadInParts(
  connection: S3Connection,
  key: ObjectKey,
  parts: AsyncGenerator<Part>,
): Promise<void> {
  const { sdk, encryption } = connection
  const first = (await parts.next()).value as Part
  if (first.isLast) {
    const request = { ...key, ...encryption, Body: first.bytes }
    await connection.send(new sdk.PutObjectCommand(request), first.bytes.length)
    return
  }
  let upload: Upload = { ...key, UploadId: undefined }
  let sizeBytes = 0
  try {
    const { UploadId } = await connection.send(
      new sdk.CreateMultipartUploadCommand({ ...key, ...encryption }),
    )
    upload = { ...key, UploadId }
    const Parts = await sendParts(first, parts, async ({ number: PartNumber, bytes: Body }) => {
      const part = new sdk.UploadPartCommand({ ...upload, PartNumber, Body })
      const { ETag } = await connection.send(part, Body.length)
      sizeBytes += Body.length
      return { PartNumber, ETag }
    })
    await complete(connection, upload, Parts, sizeBytes)
  } catch (error) {
    await parts.return(undefined)
    const abort = new sdk.AbortMultipartUploadCommand(upload)
    if (upload.UploadId !== undefined) await connection.send(abort, 0, abortMs).catch(() => undefined)
    throw error
  }
}

/** The client tries again when no answer came. If the first try did it, there is no upload any more but the object. */
async function complete(
  connection: S3Connection,
  upload: Upload,
  Parts: Sdk.CompletedPart[],
  sizeBytes: number,
): Promise<void> {
  const { sdk } = connection
  const { Bucket, Key } = upload
  try {
    await connection.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }))
  } catch (error) {
    if (!isNoUpload(error)) throw error
    const { ContentLength } = await connection.send(new sdk.HeadObjectCommand({ Bucket, Key }))
    if (ContentLength !== sizeBytes) throw error
  }
}

/** A few at a time. When one fails, ends only after the others did: a part that came after the abort would stay. */
async function sendParts(
  first: Part,
  rest: AsyncGenerator<Part>,
  send: (part: Part) => Promise<Sdk.CompletedPart>,
): Promise<Sdk.CompletedPart[]> {
  const sent: Sdk.CompletedPart[] = []
  const sender = async (own: Part | null): Promise<void> => {
    if (own !== null) sent[own.number - 1] = await send(own)
    // Of the senders that ask at the same time each gets another part.
    for await (const part of rest) sent[part.number - 1] = await send(part)
  }
  const ends = await Promise.allSettled(
    Array.from({ length: parallelParts }, (_, at) => sender(at === 0 ? first : null)),
  )
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return sent
}

/** Aborts the uploads below the prefix that were begun before this moment, ms since the epoch. */
export async function abortUploads(
  connection: S3Connection,
  prefix: string,
  beforeMs: number,
): Promise<void> {
  const { sdk, bucket: Bucket } = connection
  let after: { KeyMarker?: string; UploadIdMarker?: string } | null = {}
  while (after !== null) {
    const listing = new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: prefix, ...after })
    const page: Sdk.ListMultipartUploadsCommandOutput = await connection.send(listing)
    for (const { Key, UploadId, Initiated } of page.Uploads ?? [])
      if (Initiated !== undefined && Initiated.getTime() < beforeMs)
        await connection
          .send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
          .catch(ignoreGone)
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
    after =
      IsTruncated === true && NextKeyMarker !== undefined
        ? {
            KeyMarker: NextKeyMarker,
            ...(NextUploadIdMarker !== undefined && { UploadIdMarker: NextUploadIdMarker }),
          }
        : null
  }
}

function ignoreGone(error: unknown): void {
  if (!isNoUpload(error)) throw error
}
