// The one list of error codes: what each means and what a person does about it. docs/reference/errors.md is
// generated from it, so a code without its two sentences does not compile.

export interface ErrorCodeDoc {
  /** What happened. */
  meaning: string
  /** What to do about it. */
  remedy: string
}

export const errorCodes = {
  INTERNAL: {
    meaning: 'A condition that must always hold did not: a bug in Sluice.',
    remedy: 'Report it with the log lines around it; the process restarts by itself and loses nothing.',
  },
  SPEC_INVALID: {
    meaning: 'A resource does not have the form its schema asks for.',
    remedy: 'Correct the field the message names; `sluice validate -f FILE` shows all of them at once.',
  },
  SECRET_MISSING: {
    meaning: 'A secretKeyRef names a Secret or key that does not exist.',
    remedy: 'Create the Secret with that key, or correct the reference.',
  },
  SOURCE_UNREACHABLE: {
    meaning: 'The server of a DataSource does not answer: wrong host or port, or it is down.',
    remedy: 'Check host, port and network policy; the worker keeps trying.',
  },
  SOURCE_AUTH_FAILED: {
    meaning: 'The server refused the user or the password.',
    remedy: 'Correct the credentials the DataSource refers to.',
  },
  SOURCE_TLS_FAILED: {
    meaning:
      'The encrypted connection to a source could not be made: no TLS at the server, or a certificate that is not trusted.',
    remedy: 'Give the CA certificate in `tls.ca`, or choose another `tls.mode`.',
  },
  SOURCE_BUSY: {
    meaning: 'The source refused for a passing reason: too many connections, a lock, a deadlock, a restart.',
    remedy: 'Nothing if it passes: the worker tries again. Otherwise look at the limits of the server.',
  },
  CONNECTIONS_EXHAUSTED: {
    meaning:
      'A worker waits for its connections: other jobs have those that `protection.limits.connections` of its DataSource allows.',
    remedy:
      'Nothing if it passes: it begins when others end. Otherwise raise the limit, or suspend a job that the message names.',
  },
  SNAPSHOT_EXPIRED: {
    meaning:
      'The consistent view that a snapshot is read from is gone: the process that held it ended, or the table was rewritten.',
    remedy: 'Nothing: the snapshot goes on in a new view.',
  },
  PG_WAL_LEVEL: {
    meaning: 'The PostgreSQL server does not write what logical replication needs.',
    remedy: 'Set `wal_level = logical` and restart the server.',
  },
  PG_DATABASE_NOT_FOUND: {
    meaning: 'The PostgreSQL server has no database of that name.',
    remedy: 'Correct `postgres.database`.',
  },
  PG_PERMISSION_DENIED: {
    meaning: 'The PostgreSQL user may not do what reading needs.',
    remedy: 'Grant what the message names (docs/connectors/postgres.md lists all that is needed).',
  },
  PG_LIMIT_REACHED: {
    meaning: 'The PostgreSQL server has no free replication slot or WAL sender.',
    remedy: 'Raise `max_replication_slots` and `max_wal_senders`, or drop slots nobody reads.',
  },
  PG_SLOT_ACTIVE: {
    meaning: 'Another connection reads the replication slot.',
    remedy:
      'Nothing if it is a former worker: the server drops it within wal_sender_timeout. Otherwise find the other reader.',
  },
  PG_SLOT_CONFLICT: {
    meaning: 'A replication slot or publication of that name exists and is of another kind.',
    remedy: 'Choose another `postgres.slotName` or `postgres.publicationName`, or drop the other one.',
  },
  PG_SLOT_LOST: {
    meaning:
      'The replication slot is gone, was invalidated, or is past the position the target holds: changes are missing.',
    remedy:
      'Read the tables again (`spec.resync`, or `kubectl sluice resync`); raise `max_slot_wal_keep_size` if the server dropped the WAL.',
  },
  PG_PUBLICATION_LOST: {
    meaning:
      'A streamed table left the publication for a while: it was dropped and made again, or taken out. Changes are missing.',
    remedy: 'Read that table again: `spec.resync`, or `kubectl sluice resync --table`.',
  },
  PG_SNAPSHOT_INTERRUPTED: {
    meaning: 'The snapshot of a table without a key was interrupted and cannot go on without duplicates.',
    remedy:
      'Read that table again (`spec.resync`, or `kubectl sluice resync --table`), or give it a primary key.',
  },
  RESYNC_UNSUPPORTED: {
    meaning: 'A table that `spec.resync` asks to read again cannot be, with what it has kept as it is.',
    remedy:
      'Take it out of `resync.tables`, or sync it to a new table of the target (`tables[].target.table`); the message says why.',
  },
  PROBE_UNSUPPORTED: {
    meaning:
      'A job is to run without workers while it is idle, and its type of source cannot tell whether there is something to read.',
    remedy: 'Set `autoscaling.minReplicas` to 1.',
  },
  PG_REPLICA_IDENTITY: {
    meaning: 'PostgreSQL would not log which rows of a table are updated or deleted.',
    remedy:
      'Give the table a primary key, or `ALTER TABLE … REPLICA IDENTITY FULL` (or `USING INDEX`), or exclude it.',
  },
  PG_SERVER_ERROR: {
    meaning: 'PostgreSQL answered with an error that has no code of its own here.',
    remedy: 'Read the message; the worker keeps trying.',
  },
  TABLE_NOT_FOUND: {
    meaning:
      'A table the SyncJob names exactly does not exist at the source, or no table matches its patterns.',
    remedy: 'Correct `tables[].include`, or create the table; the worker looks again every 30 seconds.',
  },
  VALUE_OUT_OF_RANGE: {
    meaning: 'A value has no exact representation in the column it must go to.',
    remedy: 'Change the column type, or choose a badRecords policy other than `fail`.',
  },
  ARRAY_MULTIDIMENSIONAL: {
    meaning: 'An array with more than one dimension has no place in a list column.',
    remedy:
      'Keep such arrays in a JSON column, exclude the table, or choose a badRecords policy other than `fail`.',
  },
  RECORD_MALFORMED: {
    meaning: 'The bytes of a record are not what the declared format says.',
    remedy: 'Correct the producer or the format, or choose a badRecords policy other than `fail`.',
  },
  KAFKA_OFFSET_LOST: {
    meaning:
      'The offset to read next is no longer in its partition: retention removed it, or the topic was made anew.',
    remedy:
      'Read the topic again (`spec.resync`), or sync it to a new table of the target where it has a key; raise `retention.ms` of the topic if records were removed too early.',
  },
  KAFKA_BATCH_UNREADABLE: {
    meaning:
      'A batch of records cannot be taken apart: damaged, of an unknown codec, or of the format before Kafka 0.11.',
    remedy: 'Look at the topic with the tools of Kafka at the offset the message names.',
  },
  KAFKA_VERSION_UNSUPPORTED: {
    meaning: 'The Kafka brokers are too old.',
    remedy: 'Use Kafka 2.3 or later.',
  },
  SCHEMA_CHANGE_REFUSED: {
    meaning: 'The source changed a table in a way that the schemaEvolution policy does not allow.',
    remedy: 'Allow it by policy, undo it, or re-create the target table.',
  },
  COMMIT_CONFLICT: {
    meaning: 'Another writer moved the table on first.',
    remedy:
      'Nothing: the batch is staged again. If it repeats, look for a second job with the same target table.',
  },
  WRITER_FENCED: {
    meaning: 'Another worker owns this split now.',
    remedy: 'Nothing: this worker stops; the other one goes on from the committed position.',
  },
  STORAGE_UNAVAILABLE: {
    meaning: "The lake's storage does not answer, or asks to be called less often.",
    remedy: 'Check endpoint and network policy; the worker keeps trying.',
  },
  STORAGE_DENIED: {
    meaning: "The lake's storage refused the credentials, or they lack a permission.",
    remedy:
      'Renew the credentials in the Secret if they expired (a running worker takes them up); else grant get, put, list and delete below the URL to them.',
  },
  STORAGE_NOT_FOUND: {
    meaning: 'The bucket of the lake does not exist.',
    remedy: 'Create the bucket, or correct the URL of the DataSource.',
  },
  STORAGE_REGION_WRONG: {
    meaning: 'The region of the bucket is not known, or the bucket lies in another one than was given.',
    remedy:
      'Set `hudi.s3.region` of the DataSource to the region of the bucket; the message names it if the store does.',
  },
  STORAGE_TLS_FAILED: {
    meaning: "The certificate of the lake's storage is not trusted, expired, or made for another host.",
    remedy: 'Give the CA certificate in `hudi.s3.tls.ca`, or correct the certificate.',
  },
  STORAGE_FULL: {
    meaning: 'The disk or the quota of the lake is full; nothing of the file is left behind.',
    remedy: 'Free or add space; the worker keeps trying.',
  },
  STORAGE_URL_INVALID: {
    meaning: 'The URL of the lake is not one of `file:///path`, `s3://bucket/prefix`.',
    remedy: 'Correct `hudi.url` of the DataSource.',
  },
  STORAGE_LIST_UNRELIABLE: {
    meaning: 'The storage lists objects out of order, or breaks a listing off without saying so.',
    remedy: 'Use a store that lists as S3 does; directory buckets (S3 Express One Zone) cannot hold a lake.',
  },
  STORAGE_CLOCK_BEHIND: {
    meaning:
      'The clock of the store is more than a minute behind that of the worker. Readers of table version 6 would take commits for older than they are.',
    remedy: 'Keep the clocks of the store and of the nodes in step (NTP); the worker goes on by itself then.',
  },
  STORAGE_NO_CONDITIONAL_PUT: {
    meaning: 'The storage does not honour create-if-absent, without which writers overwrite each other.',
    remedy: 'Use a store that honours `If-None-Match: *` (AWS S3, MinIO, Ceph 20, R2 …), or upgrade it.',
  },
  LAKE_TABLE_MISSING: {
    meaning: 'There is no Hudi table where one is expected: its hoodie.properties is gone.',
    remedy: 'Restore the table, or delete the SyncJob and create it again to sync anew.',
  },
  LAKE_JOURNAL_MISSING: {
    meaning: 'The Hudi table was made by another tool, or lost its `.hoodie/.sluice` folder.',
    remedy:
      'Choose another path for the target, restore the folder, or take the table over with `sluice table adopt`.',
  },
  LAKE_TABLE_MISMATCH: {
    meaning:
      'A table of that name exists in the lake and is not what the job wants: another key, type, bucket count or other partitions.',
    remedy: 'Give the table another name in the target, make job and table agree, or remove the table.',
  },
  LAKE_VERSION_UNSUPPORTED: {
    meaning: 'The Hudi table has a version other than 6, 8 and 9.',
    remedy: 'Use a table of one of these versions.',
  },
  LAKE_VERSION_CHANGED: {
    meaning: 'Another engine upgraded the Hudi table while it was being written.',
    remedy:
      'Set `hoodie.write.auto.upgrade=false` and `hoodie.write.table.version` for the other engine; restart the job to go on with the new version.',
  },
  LAKE_METADATA_TABLE: {
    meaning:
      'Another engine gave the Hudi table a metadata table; later commits would be invisible to readers.',
    remedy:
      'Set `hoodie.metadata.enable=false` for the other engine. Then set `metadataTable: remove` for the table, or clear `hoodie.table.metadata.partitions` in hoodie.properties and delete `.hoodie/metadata`.',
  },
  LAKE_CHECKPOINT_MOVED: {
    meaning:
      'Hudi Streamer went on with a table after Sluice: the positions Sluice holds are behind its rows.',
    remedy: 'Stop Hudi Streamer and run `sluice table adopt URL`; the job then goes on from its checkpoint.',
  },
  LAKE_NOT_ADOPTABLE: {
    meaning: 'A Hudi table of another tool is not one that Sluice can go on with; the message says why.',
    remedy: 'Change what the message names, or sync into a new table.',
  },
  LAKE_LOCK_HELD: {
    meaning:
      'Another engine holds the lock of the Hudi table (`.hoodie/.locks/table_lock.json`) and does not let go.',
    remedy: 'None: the worker keeps trying, and the lock of a writer that died expires after some minutes.',
  },
  LAKE_LOCK_UNSUPPORTED: {
    meaning:
      'The lake lies where Hudi has no storage-based lock, so other engines cannot write at the same time.',
    remedy:
      'Use an `s3://` lake, or set `concurrency: exclusive` and let other engines write while the job is paused.',
  },
  LAKE_HISTORY_GONE: {
    meaning:
      'A state or range of a lake table lies before the history that is kept: what it needs was cleaned.',
    remedy:
      'Read the whole table, or from a later time; a larger `retentionHours` keeps more. Of days that `dailyHistoryDays` keeps, begin and end a range at the end of a day (UTC).',
  },
  LAKE_FILE_CORRUPT: {
    meaning: 'A file of a lake table is damaged: torn, truncated or not what its format or checksum says.',
    remedy:
      'Restore the object the message names from a bucket version or a backup; `sluice table check URL` finds all of them. Without a copy see docs/guides/repairing-a-table.md.',
  },
  LAKE_FILE_MISSING: {
    meaning: 'A file that a commit of a lake table wrote, and that is still needed, is gone.',
    remedy:
      'Restore the object the message names (undelete its bucket version), and find out what removed it: nothing but Sluice or Hudi may clean in the folder of a table. See docs/guides/repairing-a-table.md.',
  },
  LAKE_TYPE_UNSUPPORTED: {
    meaning:
      'A column of a lake table has a type Sluice cannot hold exactly (local time, union, struct without fields …).',
    remedy: 'Leave the column out of the VirtualTable, or change its type in the table.',
  },
  TABLE_NAME_UNSUPPORTED: {
    meaning: 'A table cannot have that name in the target.',
    remedy: 'Set `tables[].target.table` to a name of letters, digits, underscores, dots and hyphens.',
  },
  LAKE_ENCODING_UNSUPPORTED: {
    meaning: 'A data file of the lake is compressed or encoded in a way Sluice cannot read.',
    remedy: 'Rewrite the file with zstd, Snappy or gzip and a standard Parquet encoding (a compaction does).',
  },
  COLUMN_UNKNOWN: {
    meaning: 'A column that was asked for is not in the table, or has a type that cannot be read.',
    remedy:
      'Correct the name; `kubectl get virtualtables` and `sluice table show` list the columns there are.',
  },
  DUPLICATES_MEMORY: {
    meaning: 'The keys of the window in which `dropDuplicates` drops rows need more memory than is allowed.',
    remedy: 'Raise `memoryMiB` of `dropDuplicates`, or make its `window` shorter.',
  },
  KEY_UNSUPPORTED: {
    meaning:
      'A column that is to tell rows apart, as part of the key or for `dropDuplicates`, is a list, a struct or a map.',
    remedy:
      'Name columns that hold one value each, or declare the column as `string` in the VirtualTable: its JSON text then tells rows apart.',
  },
  PARTITION_UNSUPPORTED: {
    meaning:
      'The table of the lake cannot be partitioned as the job says: no such column, or one of a type that names no partitions.',
    remedy: 'Change `partitionBy` of the table; a column that names partitions must keep its type.',
  },
  COLUMN_NAME_UNSUPPORTED: {
    meaning: 'A column name is not a legal Avro name (letters, digits, underscore; no digit first).',
    remedy: 'Give the column another name in the VirtualTable.',
  },
  KUBE_CONFIG_MISSING: {
    meaning: 'No Kubernetes cluster is configured: there is no kubeconfig, and this is not a pod.',
    remedy:
      'Set `KUBECONFIG`, or give `--kubeconfig FILE`; `kubectl config view` shows what kubectl would use.',
  },
  KUBE_CONFIG_INVALID: {
    meaning: 'The kubeconfig is not one, or does not have the context that was asked for.',
    remedy: '`kubectl config get-contexts` lists the contexts; choose one with `--context NAME`.',
  },
  KUBE_CRDS_MISSING: {
    meaning:
      "The cluster does not know SyncJobs: Sluice's CustomResourceDefinitions are not installed in it.",
    remedy:
      'Look whether this is the right cluster (`kubectl config current-context`); else install Sluice, see docs/guides/installing.md.',
  },
  JOB_NOT_FOUND: {
    meaning: 'There is no SyncJob of that name in that namespace.',
    remedy: '`kubectl sluice status -A` lists the jobs of all namespaces; choose one with `-n NAMESPACE`.',
  },
  KUBE_UNAVAILABLE: {
    meaning: 'The Kubernetes API server does not answer, or asks to be left alone for a while.',
    remedy:
      'Nothing: the operator tries again, slower and slower; workers go on without it. At a command line: check the context, the network and the VPN.',
  },
  KUBE_CONFLICT: {
    meaning: 'An object changed on the API server between reading and writing it.',
    remedy:
      'Nothing: it is read again. If it repeats, look for another controller that edits the same object.',
  },
  KUBE_FORBIDDEN: {
    meaning: 'The API server does not let the caller do this: credentials, RBAC, quota or admission.',
    remedy:
      'For the operator: apply the ClusterRole that belongs to this version, or grant what the message names, and check quotas. For `kubectl sluice`: docs/guides/kubectl-sluice.md lists the rights its user needs.',
  },
  KUBE_REJECTED: {
    meaning: 'The API server refused an object the operator made.',
    remedy: 'Read the field the message names; an admission policy of the cluster may forbid it.',
  },
  NAME_TAKEN: {
    meaning: 'An object that is not ours has the name of one the operator needs to make for a SyncJob.',
    remedy: 'Rename or delete the object the message names, or give the SyncJob another name.',
  },
  MASTER_UNREACHABLE: {
    meaning: 'No operator answers the worker as the master.',
    remedy:
      'Nothing if it passes: the worker goes on with what it has, and reads a DataSource with limits more slowly meanwhile. Otherwise look whether an operator leads, whether the addresses it was asked at (the EndpointSlice of its Service) are those of its pods, and at network policies for its port 9465.',
  },
  LEADERSHIP_LOST: {
    meaning: 'The operator could not renew its lease in time, so another instance may lead now.',
    remedy: 'Nothing: it restarts as a candidate. If it repeats, look at the API server and at CPU limits.',
  },
} as const satisfies Record<string, ErrorCodeDoc>

export type ErrorCode = keyof typeof errorCodes
