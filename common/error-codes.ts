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
  TABLE_NOT_FOUND: {
    meaning:
      'A table the SyncJob names exactly does not exist at the source, or no table matches its patterns.',
    remedy: 'Correct `tables[].include`, or create the table; the worker looks again every 30 seconds.',
  },
  VALUE_OUT_OF_RANGE: {
    meaning: 'A value has no exact representation in the column it must go to.',
    remedy: 'Change the column type, or choose a badRecords policy other than `fail`.',
  },
  RECORD_MALFORMED: {
    meaning: 'The bytes of a record are not what the declared format says.',
    remedy: 'Correct the producer or the format, or choose a badRecords policy other than `fail`.',
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
  LAKE_FILE_CORRUPT: {
    meaning: 'A data or log file of the lake is damaged: torn, truncated or not what its format says.',
    remedy: 'Restore the object from a backup or a bucket version; else sync the table anew.',
  },
  LAKE_TYPE_UNSUPPORTED: {
    meaning: 'A column of a lake table has a type Sluice cannot hold exactly (struct, map, local time …).',
    remedy: 'Leave the column out of the VirtualTable, or change its type in the table.',
  },
  COLUMN_NAME_UNSUPPORTED: {
    meaning: 'A column name is not a legal Avro name (letters, digits, underscore; no digit first).',
    remedy: 'Give the column another name in the VirtualTable.',
  },
  KUBE_UNAVAILABLE: {
    meaning: 'The Kubernetes API server does not answer, or asks to be left alone for a while.',
    remedy: 'Nothing: the operator tries again, slower and slower; workers go on without it.',
  },
  KUBE_CONFLICT: {
    meaning: 'An object changed on the API server between reading and writing it.',
    remedy:
      'Nothing: it is read again. If it repeats, look for another controller that edits the same object.',
  },
  KUBE_FORBIDDEN: {
    meaning: 'The API server does not let the operator do this: credentials, RBAC, quota or admission.',
    remedy:
      'Apply the ClusterRole that belongs to this version, or grant what the message names, and check quotas.',
  },
  KUBE_REJECTED: {
    meaning: 'The API server refused an object the operator made.',
    remedy: 'Read the field the message names; an admission policy of the cluster may forbid it.',
  },
  LEADERSHIP_LOST: {
    meaning: 'The operator could not renew its lease in time, so another instance may lead now.',
    remedy: 'Nothing: it restarts as a candidate. If it repeats, look at the API server and at CPU limits.',
  },
} as const satisfies Record<string, ErrorCodeDoc>

export type ErrorCode = keyof typeof errorCodes
