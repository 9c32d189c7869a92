// So much CPU for a process as a container's limit would leave it: a control group of its own, with the kernel's quota.
import { existsSync } from 'node:fs'
import { mkdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const periodUs = 100_000
/** Version 2 has all controllers in one tree, version 1 a tree for each. */
const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers')
const root = isUnified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu'

/** Needs to be root. @param cores a twentieth of a core is 0.05. Call what it resolves to when the process has ended. */
export async function limitCpu(pid: number, cores: number): Promise<() => Promise<void>> {
  const folder = join(root, `sluice-bench-${pid}`)
  await mkdir(folder)
  const quotaUs = Math.round(cores * periodUs)
  if (isUnified) await writeFile(join(folder, 'cpu.max'), `${quotaUs} ${periodUs}`)
  else await writeFile(join(folder, 'cpu.cfs_quota_us'), String(quotaUs))
  await writeFile(join(folder, 'cgroup.procs'), String(pid))
  return () => rmdir(folder)
}
