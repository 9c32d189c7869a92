/**
 * Makes container images without a registry or a daemon: a folder (and programs with the libraries they need) becomes an OCI
 * archive that `BedKubernetes.importImage` loads. Name them `bed.local/...` with a fixed tag.
 */
import { join } from 'node:path'

import { runProgram } from './run-program.ts'

export interface ImageSpec {
  /** `bed.local/name:tag` */
  readonly name: string
  /** Where the archive is written. */
  readonly out: string
  /** Programs of this machine and their places in the image; shared libraries come along. */
  readonly programs?: Readonly<Record<string, string>>
  /** Files and folders of this machine and their places in the image. */
  readonly copies?: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  readonly cmd?: readonly string[]
  /** `uid:gid`; 1000:1000 unless given. */
  readonly user?: string
  readonly workdir?: string
  readonly env?: Readonly<Record<string, string>>
}

/** The Node.js program that runs us and a static busybox as /bin/sh: what an image of this project needs. */
export const nodePrograms: Readonly<Record<string, string>> = {
  [process.execPath]: '/usr/local/bin/node',
  '/bin/busybox': '/bin/sh',
}

export async function buildImage(spec: ImageSpec): Promise<void> {
  const script = join(import.meta.dirname, 'assets', 'kubernetes', 'mkimage.py')
  const args = ['--name', spec.name, '--out', spec.out, '--user', spec.user ?? '1000:1000']
  for (const [source, target] of Object.entries(spec.programs ?? {}))
    args.push('--file', `${source}:${target}`)
  for (const [source, target] of Object.entries(spec.copies ?? {})) args.push('--copy', `${source}:${target}`)
  for (const [name, value] of Object.entries(spec.env ?? {})) args.push('--env', `${name}=${value}`)
  for (const word of spec.entrypoint) args.push(`--entrypoint=${word}`)
  for (const word of spec.cmd ?? []) args.push(`--cmd=${word}`)
  if (spec.workdir !== undefined) args.push('--workdir', spec.workdir)
  await runProgram('python3', [script, ...args])
}
