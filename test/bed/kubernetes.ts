/**
 * A real Kubernetes for tests, without any container registry: the control plane alone (no root needed), or with a
 * node (containerd, kubelet, kube-proxy; root), on private bridges of this machine. There is one node per machine: who
 * comes second waits until the first has stopped. The scripts below assets/kubernetes do the work; this file owns their
 * lifetime: what a test run that was killed has left behind is taken down before the next start, or by running it.
 */
import { execFile, execFileSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { isAlive } from '#scripts/server-process.ts'

import { cacheDir, temporaryDir } from './cache.ts'
import { takeLock } from './lock.ts'

const assets = join(import.meta.dirname, 'assets', 'kubernetes')
const NODE_LOCK = join(tmpdir(), 'sluice-kubernetes-node.lock')
const NODE_LOCK_TIMEOUT_MS = 10 * 60_000
const NODE_IP = '10.250.0.1'
const NO_PROXY = '127.0.0.1,10.250.0.1,10.251.0.0/24,10.252.0.0/24'

export interface KubernetesOptions {
  /** Whether pods can run. Without a node there are an API server and its controllers only. */
  readonly node: boolean
  /** CoreDNS on the node's address; pods also find this machine as `host.bed.local`. */
  readonly dns?: boolean
  /** Enforces NetworkPolicy objects. */
  readonly networkPolicy?: boolean
  /** Controllers call the API server as often as a cluster with thousands of pods needs. */
  readonly isLarge?: boolean
}

export interface BedKubernetes {
  /** Another process of this machine can join it by this: `joinKubernetes()`. */
  readonly stateDir: string
  /** Path of a kubeconfig with all rights. */
  readonly kubeconfig: string
  /** Environment for kubectl, helm and other clients. */
  readonly env: Readonly<Record<string, string>>
  /** The address at which pods reach servers of this machine; start those servers with `host: nodeIp`. */
  readonly nodeIp: string
  /** Runs kubectl and resolves with its output. */
  kubectl(...args: readonly string[]): Promise<string>
  /** Loads an OCI archive into the node; pods use it with imagePullPolicy IfNotPresent. */
  importImage(tarPath: string): Promise<void>
  /** Ends the API server as a crash would; restart() brings it back, with all it knew. */
  killApiServer(): void
  /** Starts what does not run of the cluster. */
  restart(): Promise<void>
  /** Takes everything down and removes its files. */
  stop(): Promise<void>
}

const standing = new Set<string>()
process.on('exit', () => {
  for (const stateDir of standing)
    execFileSync('bash', [join(assets, 'down.sh'), stateDir, '--purge'], scriptOptions)
})

const scriptOptions = { env: { ...process.env, SLUICE_BED: cacheDir }, maxBuffer: 16 * 1024 * 1024 }

const largeCluster = {
  EXTRA_KCM_ARGS: '--kube-api-qps=500 --kube-api-burst=1000 --concurrent-deployment-syncs=20',
}

export async function startKubernetes(options: KubernetesOptions): Promise<BedKubernetes> {
  await takeDownAbandoned()
  const giveBack = options.node ? await takeLock(NODE_LOCK, NODE_LOCK_TIMEOUT_MS) : (): void => undefined
  const stateDir = temporaryDir('kubernetes')
  writeFileSync(join(stateDir, 'owner'), String(process.pid))
  writeFileSync(join(stateDir, 'options'), JSON.stringify(options))
  standing.add(stateDir)
  const stop = async (): Promise<void> => {
    await takeDown(stateDir)
    standing.delete(stateDir)
    giveBack()
  }
  try {
    await bringUp(stateDir)
  } catch (error) {
    await stop()
    throw error
  }
  return clusterOf(stateDir, stop)
}

/** A cluster that another process has started, and that lives for as long as that one says: stop() does nothing. */
export function joinKubernetes(stateDir: string): BedKubernetes {
  return clusterOf(stateDir, () => Promise.resolve())
}

async function bringUp(stateDir: string): Promise<void> {
  const { node, dns, networkPolicy, isLarge } = JSON.parse(
    readFileSync(join(stateDir, 'options'), 'utf8'),
  ) as KubernetesOptions
  const flags = [
    ...(node ? ['--node'] : []),
    ...(dns ? ['--dns'] : []),
    ...(networkPolicy ? ['--netpol'] : []),
  ]
  const env = { ...scriptOptions.env, ...(isLarge ? largeCluster : {}) }
  await promisify(execFile)('bash', [join(assets, 'up.sh'), stateDir, ...flags], { ...scriptOptions, env })
}

function clusterOf(stateDir: string, stop: () => Promise<void>): BedKubernetes {
  // Clients in this process must not take a proxy to the private addresses either.
  const noProxy = [process.env['NO_PROXY'], NO_PROXY].filter(Boolean).join(',')
  process.env['NO_PROXY'] = noProxy
  const kubeconfig = join(stateDir, 'admin.kubeconfig')
  const env = {
    KUBECONFIG: kubeconfig,
    NO_PROXY: noProxy,
    PATH: `${join(cacheDir, 'bin')}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
  }
  const run = async (command: string, args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(command, args, {
      ...scriptOptions,
      env: { ...process.env, ...env },
    })
    return stdout
  }
  return {
    stateDir,
    kubeconfig,
    env,
    nodeIp: NODE_IP,
    kubectl: (...args) => run('kubectl', args),
    async importImage(tarPath) {
      await run('ctr', [
        '-a',
        join(stateDir, 'run', 'containerd.sock'),
        '-n',
        'k8s.io',
        'images',
        'import',
        tarPath,
      ])
    },
    killApiServer: () =>
      void process.kill(Number(readFileSync(join(stateDir, 'pid', 'kube-apiserver'), 'utf8')), 'SIGKILL'),
    restart: () => bringUp(stateDir),
    stop,
  }
}

async function takeDown(stateDir: string): Promise<void> {
  await promisify(execFile)('bash', [join(assets, 'down.sh'), stateDir, '--purge'], scriptOptions)
}

/** Clusters whose process no longer lives: a node of theirs would keep ours from starting. */
export async function takeDownAbandoned(): Promise<void> {
  for (const owner of globSync(join(tmpdir(), 'sluice-kubernetes-*', 'owner'))) {
    if (!isAlive(Number(readFileSync(owner, 'utf8')))) await takeDown(dirname(owner))
  }
}

if (import.meta.main) void takeDownAbandoned()
