// Resources that must be refused, with a part of what `sluice validate` and the API server say about each. One
// table for both, so that neither lets in what the other refuses.
import { invalidLimits } from './invalid-limits.ts'
import type { InvalidSample } from './invalid-sample.ts'
import { sample } from './invalid-sample.ts'

const postgres = 'host: db, database: shop, user: {value: sluice}'
const dataSource = (spec: string) => sample('DataSource', `{${spec}}`)
const postgresWith = (fields: string) => dataSource(`type: postgres, postgres: {${postgres}, ${fields}}`)
const hudiWith = (fields: string) => dataSource(`type: hudi, hudi: {${fields}}`)
const kafkaWith = (fields: string) => dataSource(`type: kafka, kafka: {${fields}}`)
const job = (fields: string, tables = '[{include: a}]') =>
  sample('SyncJob', `{source: {name: shop-db}, target: {name: lake}, tables: ${tables}, ${fields}}`)
const virtualTable = (fields: string) =>
  sample('VirtualTable', `{source: {name: events, object: clicks}, ${fields}}`)

export const invalidSamples: readonly InvalidSample[] = [
  {
    name: 'a type that there is not',
    yaml: dataSource('type: postgresql'),
    validate: 'spec.type: found "postgresql"; allowed: hudi, kafka, postgres; did you mean postgres?',
    server: 'spec.type: Unsupported value: "postgresql": supported values: "hudi", "kafka", "postgres"',
  },
  {
    name: 'no type',
    yaml: dataSource(`postgres: {${postgres}}`),
    validate: 'spec.type: missing; allowed: hudi, kafka, postgres',
    server: 'spec.type: Required value',
  },
  {
    name: 'no sub-object',
    yaml: dataSource('type: postgres'),
    validate: 'spec: give the sub-object that `type` names, and no other',
    server: 'give the sub-object that type names, and no other: with type postgres, postgres',
  },
  {
    name: 'the sub-object of another type',
    yaml: dataSource(`type: hudi, postgres: {${postgres}}`),
    validate: 'spec: give the sub-object that `type` names, and no other',
    server: 'with type hudi, hudi',
  },
  {
    name: 'two sub-objects',
    yaml: dataSource(`type: postgres, postgres: {${postgres}}, hudi: {url: "s3://lake"}`),
    validate: 'spec: give the sub-object that `type` names, and no other',
    server: 'with type postgres, postgres',
  },
  {
    name: 'an unknown field of a connector',
    yaml: postgresWith('sslmode: require'),
    validate: 'spec.postgres.sslmode: there is no such field',
    server: 'unknown field "spec.postgres.sslmode"',
  },
  {
    name: 'a misspelt field of a connector',
    yaml: postgresWith('pasword: {value: x}'),
    validate: 'spec.postgres.pasword: there is no such field; did you mean `password`?',
    server: 'unknown field "spec.postgres.pasword"',
  },
  {
    name: 'a missing field of a connector',
    yaml: dataSource('type: postgres, postgres: {host: db, user: {value: x}}'),
    validate: 'spec.postgres.database: missing; allowed: a string',
    server: 'spec.postgres.database: Required value',
  },
  {
    name: 'a number in quotes',
    yaml: postgresWith('port: "5432"'),
    validate: 'spec.postgres.port: found "5432"; allowed: a whole number',
    server: 'spec.postgres.port: Invalid value: "string"',
  },
  {
    name: 'a port out of range',
    yaml: postgresWith('port: 65536'),
    validate: 'spec.postgres.port: found 65536; allowed: 1 to 65535',
    server: 'spec.postgres.port: Invalid value: 65536',
  },
  {
    name: 'a plain text where a secret value belongs',
    yaml: postgresWith('password: hunter2'),
    validate: 'spec.postgres.password: found a string; allowed: an object with value, secretKeyRef',
    server: 'spec.postgres.password: Invalid value: "string"',
  },
  {
    name: 'a secret value and a reference',
    yaml: postgresWith('password: {value: x, secretKeyRef: {name: a, key: b}}'),
    validate: 'spec.postgres.password: give exactly one of `value` and `secretKeyRef`',
    server: 'give exactly one of `value` and `secretKeyRef`',
  },
  {
    name: 'an empty secret value',
    yaml: postgresWith('password: {}'),
    validate: 'spec.postgres.password: give exactly one of `value` and `secretKeyRef`',
    server: 'give exactly one of `value` and `secretKeyRef`',
  },
  {
    name: 'half a secret reference',
    yaml: postgresWith('password: {secretKeyRef: {name: a}}'),
    validate: 'spec.postgres.password.secretKeyRef.key: missing; allowed: a string',
    server: 'spec.postgres.password.secretKeyRef.key: Required value',
  },
  {
    name: 'a TLS mode that there is not',
    yaml: postgresWith('tls: {mode: prefer}'),
    validate: 'spec.postgres.tls.mode: found "prefer"; allowed: disable, require, verify-ca, verify-full',
    server: 'spec.postgres.tls.mode: Unsupported value: "prefer"',
  },
  {
    name: 'a lake that is nowhere',
    yaml: hudiWith('url: "hdfs://lake"'),
    validate: 'spec.hudi.url: found "hdfs://lake"; use s3://BUCKET/PREFIX, or file:///FOLDER in local mode',
    server: 'spec.hudi.url: Invalid value: "hdfs://lake"',
  },
  {
    name: 'an endpoint that is no URL',
    yaml: hudiWith('url: "s3://lake", s3: {endpoint: "minio:9000"}'),
    validate: 'spec.hudi.s3.endpoint: found "minio:9000"; use a URL such as http://minio.lake.svc:9000',
    server: 'spec.hudi.s3.endpoint: Invalid value: "minio:9000"',
  },
  {
    name: 'half of a pair of keys',
    yaml: hudiWith('url: "s3://lake", s3: {accessKeyId: {value: a}}'),
    validate: 'spec.hudi.s3: give `accessKeyId` and `secretAccessKey` together',
    server: 'give `accessKeyId` and `secretAccessKey` together',
  },
  {
    name: 'a table version that is not written',
    yaml: hudiWith('url: "s3://lake", tableVersion: 7'),
    validate: 'spec.hudi.tableVersion: found 7; allowed: 6, 8, 9',
    server: 'spec.hudi.tableVersion: Unsupported value: 7',
  },
  {
    name: 'a broker without a port',
    yaml: kafkaWith('brokers: [kafka]'),
    validate: 'spec.kafka.brokers[0]: found "kafka"; use HOST:PORT',
    server: 'spec.kafka.brokers[0]: Invalid value: "kafka"',
  },
  {
    name: 'no broker',
    yaml: kafkaWith('brokers: []'),
    validate: 'spec.kafka.brokers: found a list; allowed: 1 to 64 items',
    server: 'spec.kafka.brokers: Invalid value: 0',
  },
  {
    name: 'a text where a list belongs',
    yaml: kafkaWith('brokers: "kafka:9092"'),
    validate: 'spec.kafka.brokers: found a string; allowed: a list',
    server: 'spec.kafka.brokers: Invalid value: "string"',
  },
  {
    name: 'a source by its bare name',
    yaml: sample('SyncJob', '{source: shop-db, target: {name: lake}, tables: [{include: a}]}'),
    validate: 'spec.source: found a string; allowed: an object with name',
    server: 'spec.source: Invalid value: "string"',
  },
  {
    name: 'no target',
    yaml: sample('SyncJob', '{source: {name: shop-db}, tables: [{include: a}]}'),
    validate: 'spec.target: missing; allowed: an object with name',
    server: 'spec.target: Required value',
  },
  {
    name: 'a name with capitals',
    yaml: sample('SyncJob', '{source: {name: Shop_DB}, target: {name: lake}, tables: [{include: a}]}'),
    validate: 'spec.source.name: found "Shop_DB"; use lower-case letters',
    server: 'spec.source.name: Invalid value: "Shop_DB"',
  },
  {
    name: 'no tables',
    yaml: job('suspend: false', '[]'),
    validate: 'spec.tables: found a list; allowed: 1 to 1000 items',
    server: 'spec.tables: Invalid value: 0',
  },
  {
    name: 'one table twice',
    yaml: job('suspend: false', '[{include: a}, {include: a}]'),
    validate: 'spec.tables: two items have the same include',
    server: 'spec.tables[1]: Duplicate value: {"include":"a"}',
  },
  {
    name: 'a misspelt field of a table',
    yaml: job('suspend: false', '[{include: a, exlcude: [b]}]'),
    validate: 'spec.tables[0].exlcude: there is no such field; did you mean `exclude`?',
    server: 'unknown field "spec.tables[0].exlcude"',
  },
  {
    name: 'a field of a table at the wrong depth',
    yaml: job('suspend: false', '[{include: a, buckets: 4}]'),
    validate:
      'spec.tables[0].buckets: there is no such field here; it belongs to `spec.tables[].target.hudi`',
    server: 'unknown field "spec.tables[0].buckets"',
  },
  {
    name: 'an empty key',
    yaml: job('suspend: false', '[{include: a, key: []}]'),
    validate: 'spec.tables[0].key: found a list; allowed: 1 to 32 items',
    server: 'spec.tables[0].key: Invalid value: 0',
  },
  {
    name: 'no buckets',
    yaml: job('suspend: false', '[{include: a, target: {hudi: {buckets: 0}}}]'),
    validate: 'spec.tables[0].target.hudi.buckets: found 0; allowed: 1 to 4096',
    server: 'spec.tables[0].target.hudi.buckets: Invalid value: 0',
  },
  {
    name: 'a mode that there is not',
    yaml: job('mode: streem'),
    validate: 'spec.mode: found "streem"; allowed: snapshotAndStream, snapshot, stream; did you mean stream?',
    server:
      'spec.mode: Unsupported value: "streem": supported values: "snapshotAndStream", "snapshot", "stream"',
  },
  {
    name: 'a start that is no time',
    yaml: job('start: yesterday'),
    validate: 'spec.start: found "yesterday"; use earliest, latest or a time such as 2026-01-31T12:00:00Z',
    server: 'spec.start: Invalid value: "yesterday"',
  },
  {
    name: 'a duration without a unit',
    yaml: job('freshness: "5"'),
    validate: 'spec.freshness: found "5"; use a duration such as 500ms, 30s, 5m or 1h30m',
    server: 'spec.freshness: Invalid value: "5"',
  },
  {
    name: 'a duration as a number',
    yaml: job('freshness: 5'),
    validate: 'spec.freshness: found 5; allowed: a string',
    server: 'spec.freshness: Invalid value: "integer"',
  },
  {
    name: 'a freshness of nothing',
    yaml: job('freshness: 0s'),
    validate: 'spec.freshness: must be at least 100ms',
    server: 'spec.freshness: Invalid value: "string": must be at least 100ms',
  },
  {
    name: 'a priority that there is not',
    yaml: job('priority: highest'),
    validate: 'spec.priority: found "highest"; allowed: core, high, normal, low',
    server: 'spec.priority: Unsupported value: "highest"',
  },
  {
    name: 'more workers at least than at most',
    yaml: job('autoscaling: {minReplicas: 4, maxReplicas: 2}'),
    validate: 'spec.autoscaling: minReplicas cannot be more than maxReplicas',
    server: 'minReplicas cannot be more than maxReplicas',
  },
  {
    name: 'replicas that the operator decides about',
    yaml: job('replicas: 3'),
    validate: 'spec: set autoscaling.mode to Manual or DryRun',
    server: 'set autoscaling.mode to Manual or DryRun',
  },
  {
    name: 'a mode of autoscaling that there is not',
    yaml: job('autoscaling: {mode: auto}'),
    validate: 'spec.autoscaling.mode: found "auto"; allowed: Auto, DryRun, Manual',
    server: 'spec.autoscaling.mode: Unsupported value: "auto"',
  },
  {
    name: 'less than no replicas',
    yaml: job('autoscaling: {minReplicas: -1}'),
    validate: 'spec.autoscaling.minReplicas: found -1; allowed: 0 to 1000',
    server: 'spec.autoscaling.minReplicas: Invalid value: -1',
  },
  {
    name: 'no replicas at all, idle or not',
    yaml: job('autoscaling: {minReplicas: 0, maxReplicas: 0}'),
    validate: 'spec.autoscaling.maxReplicas: found 0; allowed: 1 to 1000',
    server: 'spec.autoscaling.maxReplicas: Invalid value: 0',
  },
  {
    name: 'a policy for bad records that there is not',
    yaml: job('badRecords: {policy: ignore}'),
    validate: 'spec.badRecords.policy: found "ignore"; allowed: fail, skip',
    server: 'spec.badRecords.policy: Unsupported value: "ignore"',
  },
  {
    name: 'a toleration of no effect there is',
    yaml: job('worker: {tolerations: [{key: data, effect: Never}]}'),
    validate: 'spec.worker.tolerations[0].effect: found "Never"; allowed: NoSchedule,',
    server: 'spec.worker.tolerations[0].effect: Unsupported value: "Never"',
  },
  {
    name: 'no lanes',
    yaml: job('worker: {lanes: 0}'),
    validate: 'spec.worker.lanes: found 0; allowed: 1 to 64',
    server: 'spec.worker.lanes: Invalid value: 0',
  },
  ...invalidLimits,
  {
    name: 'a size that is no quantity',
    yaml: job('worker: {bufferSize: 64MB}'),
    validate: 'spec.worker.bufferSize: found "64MB"; use a quantity such as 500m, 2, 64Mi or 1.5Gi',
    server: 'spec.worker.bufferSize: Invalid value: "64MB"',
  },
  {
    name: 'a buffer too small, as a number',
    yaml: job('worker: {bufferSize: 1024}'),
    validate: 'spec.worker.bufferSize: must be at least 8Mi',
    server: 'must be at least 8Mi',
  },
  {
    name: 'a buffer too small, as a quantity',
    yaml: job('worker: {bufferSize: 512Ki}'),
    validate: 'spec.worker.bufferSize: must be at least 8Mi',
    server: 'must be at least 8Mi',
  },
  {
    name: 'a word that YAML takes for a boolean',
    yaml: job('suspend: false', '[{include: no}]'),
    validate: 'spec.tables[0].include: found false; allowed: a string',
    server: 'spec.tables[0].include: Invalid value: "boolean"',
  },
  {
    name: 'a text where true or false belongs',
    yaml: job('suspend: "no"'),
    validate: 'spec.suspend: found "no"; allowed: true or false',
    server: 'spec.suspend: Invalid value: "string"',
  },
  {
    name: 'a column of no type',
    yaml: virtualTable('columns: [{name: a, type: varchar}]'),
    validate: 'spec.columns[0].type: found "varchar"; use boolean, int32, int64',
    server: 'spec.columns[0].type: Invalid value: "varchar"',
  },
  {
    name: 'one column twice',
    yaml: virtualTable('columns: [{name: a, type: string}, {name: a, type: bytes}]'),
    validate: 'spec.columns: two items have the same name',
    server: 'spec.columns[1]: Duplicate value: {"name":"a"}',
  },
  {
    name: 'a key that is no column',
    yaml: virtualTable('columns: [{name: a, type: string}], key: [b]'),
    validate: 'spec: every column of `key` must be one of `columns`',
    server: 'every column of `key` must be one of `columns`',
  },
  {
    name: 'a column from nowhere',
    yaml: virtualTable('columns: [{name: a, type: string, from: body.a}]'),
    validate: 'spec.columns[0].from: found "body.a"; use key, value.PATH, header.NAME',
    server: 'spec.columns[0].from: Invalid value: "body.a"',
  },
]
