// Hudi's metadata table: a table beside the table, from which readers take the list of its files, if
// `hoodie.table.metadata.partitions` names any. It knows of the commits of engines that keep it up, and we do not: every
// reader would miss ours. Removing it is what Hudi itself does for a writer that has it switched off
// (HoodieTableMetadataUtil.deleteMetadataTable).
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { Properties } from '#lake/timeline/properties.ts'
import { encodeProperties } from '#lake/timeline/properties.ts'

const partitionsKeys = ['hoodie.table.metadata.partitions', 'hoodie.table.metadata.partitions.inflight']
const metadataFolder = '.hoodie/metadata/'
const deleteBatch = 500

/** The metadata table's partitions (`files`, `column_stats` …) as the properties have them; '' when there is none. */
export function metadataPartitions(properties: Properties): string {
  return partitionsKeys.flatMap(key => properties.get(key) || []).join()
}

/**
 * Removes the metadata table, in the order that is right for readers at every moment: first they must not look for it
 * any more. Done again it changes nothing. Returns the bytes of hoodie.properties.
 */
export async function removeMetadataTable(
  store: ObjectStore,
  propertiesPath: string,
  properties: Properties,
): Promise<Uint8Array> {
  const left = new Map([...properties].filter(([key]) => !partitionsKeys.includes(key)))
  const bytes = encodeProperties(left, 'Metadata table removed by Sluice')
  await store.put(propertiesPath, bytes)
  // Java engines fall back to the backup should they find the file half written, and it still names the partitions.
  await store.delete([`${propertiesPath}.backup`])
  let paths: string[] = []
  for await (const { path } of store.list(metadataFolder)) {
    paths.push(path)
    if (paths.length < deleteBatch) continue
    await store.delete(paths)
    paths = []
  }
  if (paths.length > 0) await store.delete(paths)
  return bytes
}
