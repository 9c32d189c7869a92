// A store in a directory. An object is written whole to a temporary file beside its place, synced, and then
// renamed (put) or linked (putIfAbsent: link(2) fails when the name is taken), and the directory is synced: after
// a crash there is all of it or nothing. Temporary names begin with `.sluice-tmp-`, which no reader of a lake takes
// for data.
import type { Dirent, Stats } from 'node:fs'
import { link, mkdir, open, readFile, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ChunkSource } from './chunk-source.ts'
import { fileError, isMissing, isStale, isUnsyncable, noFolders } from './file-error.ts'
import { invalidUrl } from './invalid-url.ts'
import type { ObjectInfo, ObjectStore } from './object-store.ts'
import type { OpenStore } from './store-kind.ts'
import { comparePaths } from './path-order.ts'
import type { Clock } from '#common/clock.ts'

const temporaryPrefix = '.sluice-tmp-'

export const openFileStore: OpenStore = (url, { clock }) => {
  if (url.host !== '') throw invalidUrl(url, 'a file URL has three slashes: file:///path')
  return Promise.resolve(new FileStore(fileURLToPath(url), clock))
}

export class FileStore implements ObjectStore {
  readonly url: string
  readonly #root: string
  readonly #clock: Clock

  constructor(root: string, clock: Clock) {
    this.#root = resolve(root)
    this.#clock = clock
    this.url = pathToFileURL(this.#root).href
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const target = join(this.#root, path)
    await this.#made(target, temporary => writeSynced(temporary, bytes), replace)
  }

  async putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const target = join(this.#root, path)
    const source = new ChunkSource(chunks)
    try {
      await this.#made(target, temporary => writeSynced(temporary, source), replace)
    } catch (error) {
      throw source.errorOf(error, () => fileError(error, target))
    }
  }

  /** By a second name for the same bytes: objects are replaced, never changed. */
  async copy(from: string, to: string): Promise<boolean> {
    const source = join(this.#root, from)
    if (!(await exists(source))) return false
    const target = join(this.#root, to)
    try {
      await this.#made(target, temporary => inFolder(temporary, () => link(source, temporary)), replace)
      return true
    } catch (error) {
      if (!(await exists(source))) return false
      throw error
    }
  }

  async putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    const target = join(this.#root, path)
    if (await exists(target)) return false
    let made = false
    const make = (temporary: string): Promise<void> => writeSynced(temporary, bytes)
    await this.#made(target, make, async temporary => {
      made = await linked(temporary, target)
      await unlink(temporary)
      if (made) await unlinkIfThere(checksumOf(target))
    })
    return made
  }

  async get(path: string): Promise<Uint8Array | null> {
    const target = join(this.#root, path)
    return readAgain(target, () => readFile(target))
  }

  async getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    const target = join(this.#root, path)
    return readAgain(target, () => readRange(target, start, length))
  }

  async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    yield* this.#walk(prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, startAfter ?? '')
  }

  async delete(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const target = join(this.#root, path)
      await unlinkIfThere(target)
      await unlinkIfThere(checksumOf(target))
    }
  }

  async removeUnfinished(beforeMs: number): Promise<void> {
    const entries = await readdir(this.#root, { recursive: true, withFileTypes: true }).catch(
      (error: unknown) => {
        if (isMissing(error)) return []
        throw fileError(error, this.#root)
      },
    )
    for (const entry of entries) {
      if (!entry.name.startsWith(temporaryPrefix)) continue
      const path = join(entry.parentPath, entry.name)
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
      if (mtimeMs < beforeMs) await unlinkIfThere(path)
    }
  }

  at(prefix: string): FileStore {
    return new FileStore(join(this.#root, prefix), this.#clock)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Has a temporary file made and put in place, and syncs the directory. Leaves nothing on failure. */
  async #made(
    target: string,
    make: (temporary: string) => Promise<void>,
    place: (temporary: string, target: string) => Promise<void>,
  ): Promise<void> {
    const folder = dirname(target)
    const temporary = join(folder, `${temporaryPrefix}${this.#clock.uuid()}`)
    try {
      await make(temporary)
      await place(temporary, target)
      await syncFolder(folder)
    } catch (error) {
      await unlink(temporary).catch(() => undefined)
      throw fileError(error, target)
    }
  }

  /** Objects of a folder (empty, or ending in a slash) and those below, in byte order of the path. */
  async *#walk(folder: string, prefix: string, after: string): AsyncIterable<ObjectInfo> {
    for (const path of await this.#sortedPaths(folder, prefix, after)) {
      if (path.endsWith('/')) yield* this.#walk(path, prefix, after)
      else {
        const found = await statOf(join(this.#root, path))
        if (found !== null) yield { path, sizeBytes: found.size, modifiedAtMs: found.mtimeMs }
      }
    }
  }

  /** Files to list in a folder, and folders (ending in a slash) that may hold some. */
  async #sortedPaths(folder: string, prefix: string, after: string): Promise<string[]> {
    let entries: Dirent[]
    try {
      entries = await readdir(join(this.#root, folder), { withFileTypes: true })
    } catch (error) {
      if (isMissing(error)) return []
      throw fileError(error, join(this.#root, folder))
    }
    const paths: string[] = []
    for (const entry of entries) {
      const isFolder = entry.isDirectory()
      const path = `${folder}${entry.name}${isFolder ? '/' : ''}`
      const isIn = path.startsWith(prefix) || (isFolder && prefix.startsWith(path))
      const isPast = comparePaths(path, after) <= 0 && !(isFolder && after.startsWith(path))
      if (isIn && !isPast && !entry.name.startsWith(temporaryPrefix)) paths.push(path)
    }
    return paths.sort(comparePaths)
  }
}

async function replace(temporary: string, target: string): Promise<void> {
  await rename(temporary, target)
  // Renaming a name of a file to another name of the same file does nothing.
  await unlinkIfThere(temporary)
  await unlinkIfThere(checksumOf(target))
}

/** Hadoop's local file system keeps a checksum beside each file it wrote; for other bytes it is wrong. */
function checksumOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.crc`)
}

/** What is read of the file, or null when there is none. */
async function readAgain<T>(path: string, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read().catch((error: unknown) => {
      if (!isStale(error)) throw error
      return read()
    })
  } catch (error) {
    if (isMissing(error)) return null
    throw fileError(error, path)
  }
}

async function readRange(path: string, start: number, length: number): Promise<Uint8Array> {
  await using file = await open(path)
  const from = start < 0 ? Math.max(0, (await file.stat()).size + start) : start
  const buffer = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, from + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

/** Makes the path's folder when the work shows that there is none. */
async function inFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isMissing(error)) throw error
    await makeFolder(dirname(path))
    return work()
  }
}

async function writeSynced(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await inFolder(path, () => open(path, 'wx'))
  try {
    await file.writeFile(bytes)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/**
 * Makes a folder and its parents, each of them synced into the one above. Not by mkdir's own `recursive`: where the kernel
 * makes no folders and says ENOENT (/proc), that asks for ever.
 */
async function makeFolder(folder: string): Promise<void> {
  if (await madeFolder(folder)) return
  const parent = dirname(folder)
  if (parent !== folder) await makeFolder(parent)
  if (parent !== folder && (await madeFolder(folder))) return
  throw noFolders(folder)
}

/** False when there is nothing to make it in. */
async function madeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return true
    if (code === 'ENOENT') return false
    throw error
  }
  await syncFolder(dirname(folder))
  return true
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } catch (error) {
    if (!isUnsyncable(error)) throw error
  } finally {
    await handle.close()
  }
}

/** True when this call made the link. */
async function linked(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // Over NFS a repeated request may find its own link.
    return (await stat(temporary)).nlink > 1
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isMissing(error)) throw fileError(error, path)
  })
}

async function exists(path: string): Promise<boolean> {
  return (await statOf(path)) !== null
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path)
  } catch (error) {
    if (isMissing(error)) return null
    throw fileError(error, path)
  }
}
