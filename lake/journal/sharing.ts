// How a table is shared with other engines that write to it. docs/guides/sharing-a-table.md tells users.
export interface Sharing {
  /** What to do about a metadata table that another engine made: stop, or remove it and go on. */
  metadataTable: 'fail' | 'remove'
  /** `shared`: other engines may write at the same time, under Hudi's storage-based lock. */
  concurrency: 'exclusive' | 'shared'
}

export const defaultSharing: Sharing = { metadataTable: 'fail', concurrency: 'exclusive' }
