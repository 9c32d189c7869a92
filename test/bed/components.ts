/**
 * What the bed can install, each from an ordinary package registry: PostgreSQL 15 from Debian, Kafka and the Hudi bundles from
 * Maven Central, the Python readers from PyPI, MinIO and Kubernetes built from their Go modules.
 * Versions are pinned here. Installing again what is there costs nothing.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

import {
  cacheDir,
  DEBIAN_POSTGRES_BIN_DIR,
  hudiBundle,
  hudiVersions,
  KAFKA_VERSION,
  kafkaDir,
  kwokProgram,
  minioProgram,
  monitoringCrds,
  prometheusProgram,
  promtoolProgram,
  python,
  s3aDir,
  sparkKafkaDir,
} from './cache.ts'
import { aptInstall, hasProgram, needProgram, runProgram } from './run-program.ts'

export type ComponentName =
  | 'postgres'
  | 'kafka'
  | 'minio'
  | 'hudi'
  | 'hudi-rs'
  | 'kubernetes'
  | 'namespace'
  | 'prometheus'
  | 'monitoring-crds'
  | 'kwok'
  | 'spark-kafka'

export interface Component {
  readonly isInstalled: () => boolean
  readonly install: () => Promise<void>
  /** True: no test needs it, so it is installed when it is asked for by name. */
  readonly isForBench?: boolean
}

const LOG4J_VERSION = '2.25.5'
const MINIO_VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c'
const PYTHON_PACKAGES = ['pyspark==3.5.9', 'hudi==0.5.0', 'pyarrow==26.0.1', 'duckdb==2.0.1']
const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
const PROMETHEUS_OPERATOR = 'github.com/prometheus-operator/prometheus-operator@v0.85.0'
const KUBERNETES_PARTS = ['control', 'node', 'dns', 'netpol', 'helm']

/** Named after what was added last: it is missing where the rest is there already. */
const kafkaStamp = join(kafkaDir, '.ok-tools')
/** With all versions in its name: a package added here is missing where the others are already. */
const pythonStamp = join(cacheDir, 'py', `.ok-${PYTHON_PACKAGES.join('-')}`)
const s3aStamp = join(s3aDir, '.ok')
const sparkKafkaStamp = join(sparkKafkaDir, '.ok')
const kubernetesScript = join(import.meta.dirname, 'assets', 'kubernetes', 'install.sh')

export const components: Readonly<Record<ComponentName, Component>> = {
  postgres: {
    isInstalled: () => existsSync(join(DEBIAN_POSTGRES_BIN_DIR, 'postgres')),
    install: installPostgres,
  },
  kafka: { isInstalled: () => existsSync(kafkaStamp) && hasProgram('java'), install: installKafka },
  minio: { isInstalled: () => existsSync(minioProgram), install: installMinio },
  hudi: {
    isInstalled: () =>
      hasProgram('java') &&
      [pythonStamp, s3aStamp, ...hudiVersions.map(hudiBundle)].every(path => existsSync(path)),
    install: installHudi,
  },
  // A part of the one before, for files that do without Spark.
  'hudi-rs': { isInstalled: () => existsSync(pythonStamp), install: installReaders },
  kubernetes: { isInstalled: hasKubernetes, install: installKubernetes },
  // Of a cluster that other files may use at the same time.
  namespace: { isInstalled: hasKubernetes, install: installKubernetes },
  prometheus: {
    isInstalled: () => existsSync(promtoolProgram) && existsSync(prometheusProgram),
    install: installPrometheus,
  },
  'monitoring-crds': {
    isInstalled: () => monitoringCrds.every(path => existsSync(path)),
    install: installMonitoringCrds,
  },
  kwok: { isInstalled: () => existsSync(kwokProgram), install: installKwok, isForBench: true },
  'spark-kafka': {
    isInstalled: () => existsSync(sparkKafkaStamp),
    install: installSparkKafka,
    isForBench: true,
  },
}

async function installPostgres(): Promise<void> {
  const clusterDefaults = '/etc/postgresql-common/createcluster.conf'
  if (!existsSync(clusterDefaults)) {
    mkdirSync(dirname(clusterDefaults), { recursive: true })
    writeFileSync(clusterDefaults, 'create_main_cluster = false\n')
  }
  await aptInstall('postgresql-15')
}

async function installKafka(): Promise<void> {
  await needJava()
  if (existsSync(kafkaStamp)) return
  const lib = join(kafkaDir, 'lib')
  rmSync(lib, { recursive: true, force: true })
  mkdirSync(lib, { recursive: true })
  // Kafka's jars bring no binding of the logging facade; its own distribution adds this one.
  await copyJars(lib, true, [
    `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
    `org.apache.kafka:kafka-tools:${KAFKA_VERSION}`,
    `org.apache.logging.log4j:log4j-slf4j-impl:${LOG4J_VERSION}`,
  ])
  writeFileSync(
    join(kafkaDir, 'log4j2.properties'),
    [
      'status=error',
      'appender.c.type=Console',
      'appender.c.name=C',
      'appender.c.layout.type=PatternLayout',
      'appender.c.layout.pattern=%d %p %c{1} %m%n',
      'rootLogger.level=WARN',
      'rootLogger.appenderRef.c.ref=C\n',
    ].join('\n'),
  )
  writeFileSync(kafkaStamp, '')
}

async function installMinio(): Promise<void> {
  needProgram('go', 'building MinIO')
  const gobin = mkdtempSync(join(tmpdir(), 'sluice-gobin-'))
  const env = { GOBIN: gobin, CGO_ENABLED: '0', GOFLAGS: '-trimpath' }
  const target = `github.com/minio/minio@${MINIO_VERSION}`
  await runProgram('nice', ['-n', '10', 'go', 'install', '-ldflags', '-s -w', target], { env })
  mkdirSync(dirname(minioProgram), { recursive: true })
  await runProgram('mv', [join(gobin, 'minio'), minioProgram])
  rmSync(gobin, { recursive: true })
}

/** hudi-rs, and the Python around all readers. */
async function installReaders(): Promise<void> {
  const hasVenv = await runProgram('python3', ['-c', 'import venv, ensurepip']).catch(() => undefined)
  if (hasVenv === undefined) await aptInstall('python3', 'python3-venv')
  if (!existsSync(python)) await runProgram('python3', ['-m', 'venv', join(cacheDir, 'py')])
  await runProgram(python, ['-m', 'pip', 'install', '-q', ...PYTHON_PACKAGES])
  writeFileSync(pythonStamp, '')
}

async function installHudi(): Promise<void> {
  await needJava()
  if (!existsSync(pythonStamp)) await installReaders()
  for (const version of hudiVersions) {
    if (existsSync(hudiBundle(version))) continue
    await copyJars(dirname(hudiBundle(version)), false, [
      `org.apache.hudi:hudi-spark3.5-bundle_2.12:${version}`,
    ])
  }
  if (!existsSync(s3aStamp)) {
    await copyJars(s3aDir, false, [
      'org.apache.hadoop:hadoop-aws:3.3.4',
      'com.amazonaws:aws-java-sdk-bundle:1.12.262',
    ])
    writeFileSync(s3aStamp, '')
  }
}

async function installSparkKafka(): Promise<void> {
  await copyJars(sparkKafkaDir, false, [
    'org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.7',
    'org.apache.spark:spark-token-provider-kafka-0-10_2.12:3.5.7',
    'org.apache.kafka:kafka-clients:3.4.1',
    'org.apache.commons:commons-pool2:2.11.1',
  ])
  writeFileSync(sparkKafkaStamp, '')
}

/** Out of Debian's package and without installing it, which would bring a server as a service of the machine. */
async function installPrometheus(): Promise<void> {
  needProgram('apt-get', 'downloading Prometheus')
  const folder = mkdtempSync(join(tmpdir(), 'sluice-prometheus-'))
  try {
    await runProgram('sh', ['-c', 'cd "$0" && apt-get download prometheus', folder])
    const [archive] = readdirSync(folder)
    await runProgram('dpkg', ['-x', join(folder, archive!), folder])
    mkdirSync(dirname(promtoolProgram), { recursive: true })
    const programs = ['prometheus', 'promtool'].map(name => join(folder, 'usr', 'bin', name))
    await runProgram('mv', [...programs, dirname(promtoolProgram)])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The CRDs of the Prometheus operator that the chart makes objects of. */
async function installMonitoringCrds(): Promise<void> {
  needProgram('go', 'downloading the CRDs of the Prometheus operator')
  const module = JSON.parse(await runProgram('go', ['mod', 'download', '-json', PROMETHEUS_OPERATOR])) as {
    Dir: string
  }
  for (const path of monitoringCrds) {
    mkdirSync(dirname(path), { recursive: true })
    copyFileSync(join(module.Dir, 'example', 'prometheus-operator-crd', basename(path)), path)
  }
}

function hasKubernetes(): boolean {
  const programs = [
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubectl',
    'kubelet',
  ]
  const all = [...programs, 'kube-proxy', 'coredns', 'netpol', 'helm']
  return (
    all.every(name => existsSync(join(cacheDir, 'bin', name))) &&
    ['pause.tar', 'node.tar'].every(name => existsSync(join(cacheDir, 'images', name))) &&
    existsSync('/usr/bin/containerd')
  )
}

async function installKubernetes(): Promise<void> {
  needProgram('go', 'building Kubernetes')
  await runProgram('bash', [kubernetesScript, ...KUBERNETES_PARTS], { env: { SLUICE_BED: cacheDir } })
}

async function installKwok(): Promise<void> {
  needProgram('go', 'building kwok')
  await runProgram('bash', [kubernetesScript, 'kwok'], { env: { SLUICE_BED: cacheDir } })
}

async function needJava(): Promise<void> {
  if (!hasProgram('java') || !hasProgram('mvn')) await aptInstall('openjdk-17-jdk-headless', 'maven')
}

/** Copies jars from Maven Central into a folder, with or without what they depend on; whole or not at all. */
async function copyJars(
  target: string,
  withDependencies: boolean,
  artifacts: readonly string[],
): Promise<void> {
  mkdirSync(target, { recursive: true })
  const work = mkdtempSync(join(target, '.download-'))
  const exclusions = withDependencies
    ? ''
    : '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
  const dependencies = artifacts.map(artifact => {
    const [group, name, version] = artifact.split(':')
    const coordinates = `<groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version>`
    return `<dependency>${coordinates}${exclusions}</dependency>`
  })
  const project = '<modelVersion>4.0.0</modelVersion><groupId>bed</groupId><artifactId>jars</artifactId>'
  const pom = join(work, 'pom.xml')
  writeFileSync(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0">${project}<version>1</version><packaging>pom</packaging>` +
      `<dependencies>${dependencies.join('')}</dependencies></project>`,
  )
  const flags = ['-DincludeScope=runtime', `-DoutputDirectory=${join(work, 'jars')}`]
  await runProgram('mvn', ['-q', '-B', '-f', pom, COPY_DEPENDENCIES, ...flags])
  for (const jar of readdirSync(join(work, 'jars'))) renameSync(join(work, 'jars', jar), join(target, jar))
  rmSync(work, { recursive: true })
}
