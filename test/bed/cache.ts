/**
 * Where the test bed keeps the servers it installs, and the temporary folders its servers run in.
 * The cache outlives the checkout: what is there is used again, so it may also be kept between CI runs.
 */
import { mkdtempSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** `$SLUICE_BED`, or `~/.cache/sluice-bed`. */
export const cacheDir = process.env['SLUICE_BED'] ?? join(homedir(), '.cache', 'sluice-bed')

export const KAFKA_VERSION = '4.4.0'
export const kafkaDir = join(cacheDir, 'kafka', KAFKA_VERSION)

export const minioProgram = join(cacheDir, 'bin', 'minio')
export const kwokProgram = join(cacheDir, 'bin', 'kwok')
export const prometheusProgram = join(cacheDir, 'bin', 'prometheus')
export const promtoolProgram = join(cacheDir, 'bin', 'promtool')

export const monitoringCrds = ['podmonitors', 'prometheusrules'].map(kind =>
  join(cacheDir, 'crds', `monitoring.coreos.com_${kind}.yaml`),
)

export const DEBIAN_POSTGRES_BIN_DIR = '/usr/lib/postgresql/15/bin'

export const python = join(cacheDir, 'py', 'bin', 'python')

export const hudiVersions = ['1.2.0', '1.0.2', '0.15.0'] as const
export type HudiVersion = (typeof hudiVersions)[number]

export function hudiBundle(version: HudiVersion): string {
  return join(cacheDir, 'hudi', `hudi-spark3.5-bundle_2.12-${version}.jar`)
}

/** hadoop-aws and the AWS SDK, for Spark on `s3a://`. */
export const s3aDir = join(cacheDir, 'hudi', 's3a')

/** Kafka as a source of Spark's. */
export const sparkKafkaDir = join(cacheDir, 'hudi', 'kafka')

/** A new temporary folder; the server that runs in it removes it when it stops. */
export function temporaryDir(name: string): string {
  return mkdtempSync(join(tmpdir(), `sluice-${name}-`))
}
