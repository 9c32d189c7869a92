// The cluster of a run: where several files need one, it is started once, and each file has a namespace of it.
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureInstalled } from '#test/bed/install.ts'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { startKubernetes } from '#test/bed/kubernetes.ts'
import { buildSluiceImage, sluiceImage } from './sluice-image.ts'

/** Where a file finds it: the folder with its state. */
export const sharedClusterVariable = 'SLUICE_E2E_CLUSTER'

/** One that enforces network policies, with our image on its node. */
export async function startSluiceCluster(): Promise<BedKubernetes> {
  const cluster = await startKubernetes({ node: true, dns: true, networkPolicy: true })
  try {
    await loadSluiceImage(cluster, sluiceImage.tag)
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

export async function loadSluiceImage(cluster: BedKubernetes, tag: string): Promise<void> {
  const archive = join(tmpdir(), `sluice-image-${process.pid}.tar`)
  await buildSluiceImage(archive, tag)
  await cluster.importImage(archive)
  await rm(archive)
}

/** Starts at once. */
export class SharedCluster {
  readonly #started = ensureInstalled('kubernetes').then(startSluiceCluster)

  constructor() {
    // Each file says so itself when there is none.
    this.#started.catch(() => undefined)
  }

  /** For the process of a file; empty: it has to start one of its own, and will hear why it cannot. */
  environment(): Promise<Readonly<Record<string, string>>> {
    return this.#started.then(
      ({ stateDir }) => ({ [sharedClusterVariable]: stateDir }),
      () => ({}),
    )
  }

  async stop(): Promise<void> {
    await this.#started.then(
      cluster => cluster.stop(),
      () => undefined,
    )
  }
}
