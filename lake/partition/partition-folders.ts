// The folders of partitions, each with the file by which Spark's readers and table services find it. A table without
// partitions has one as well, in its own folder.
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { partitionMetadata, partitionMetadataName } from '#lake/timeline/partition-metadata.ts'

const parallelRequests = 16

export class PartitionFolders {
  readonly #store: ObjectStore
  /** Those that are known to have their file. */
  readonly #made = new Set<string>()

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** These have their file: there are rows in them. */
  know(paths: Iterable<string>): void {
    for (const path of paths) this.#made.add(path)
  }

  /** Makes those that are not there. @param instant the first that writes to them */
  async make(paths: readonly string[], instant: InstantTime): Promise<void> {
    const wanting = [...new Set(paths)].filter(path => !this.#made.has(path))
    for (let from = 0; from < wanting.length; from += parallelRequests)
      await Promise.all(
        wanting.slice(from, from + parallelRequests).map(path => this.#makeOne(path, instant)),
      )
  }

  async #makeOne(path: string, instant: InstantTime): Promise<void> {
    const folder = path === '' ? '' : `${path}/`
    await this.#store.putIfAbsent(`${folder}${partitionMetadataName}`, partitionMetadata(path, instant))
    this.#made.add(path)
  }
}
