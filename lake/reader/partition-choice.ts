// Which partitions of a table are looked at. Partitions are folders, so the others need not even be listed.
import { ConfigError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { DataFile } from './data-file.ts'
import { listDataFiles } from './data-file.ts'

export class PartitionChoice {
  /** Folders relative to the table, with a slash at the end. */
  readonly #folders: readonly string[]

  /** @param paths of partitions, or of folders above them. @throws ConfigError SPEC_INVALID */
  constructor(paths: readonly string[]) {
    this.#folders = withoutNested(paths.map(folderOf))
  }

  has(partitionPath: string): boolean {
    return this.#folders.some(folder => `${partitionPath}/`.startsWith(folder))
  }

  /** Every data file of the chosen partitions, committed or not. */
  async listFiles(store: ObjectStore): Promise<DataFile[]> {
    const listed = this.#folders.map(folder => listDataFiles(store, folder))
    return (await Promise.all(listed)).flat()
  }
}

function folderOf(path: string): string {
  const folder = path.replace(/^\/+|\/+$/g, '')
  if (folder !== '' && !folder.startsWith('.') && !folder.split('/').includes('..')) return `${folder}/`
  throw new ConfigError(`A partition cannot be called ${JSON.stringify(path)}`, {
    code: 'SPEC_INVALID',
    context: { partition: path },
  })
}

/** Each file once, also where a folder and one below it were named. */
function withoutNested(folders: readonly string[]): string[] {
  return folders.filter(
    (folder, at) =>
      !folders.some(
        (other, index) => folder.startsWith(other) && (folder.length > other.length || index < at),
      ),
  )
}
