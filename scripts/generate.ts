// Writes every file that follows from the code: CRDs, the Helm chart's copies, the reference pages.
// `npm run generate` writes them, `--check` fails when one is not what the code says.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatedFiles } from './generate/files.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Folders that hold nothing else, so that what is no longer generated is removed. */
const ownedFolders = [
  'crds',
  'helm/sluice/crds',
  'helm/sluice/files',
  'helm/sluice/dashboards',
  'docs/reference',
]

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
const files = generatedFiles(version)
const stale = await staleFiles(files)
const changed = await changedFiles(files)

if (process.argv.includes('--check')) {
  for (const path of [...changed.keys(), ...stale]) console.error(`${path} is not what the code says`)
  if (changed.size + stale.length > 0) {
    console.error('run `npm run generate` and commit the result')
    process.exitCode = 1
  }
} else {
  for (const [path, content] of changed) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
    console.log(`wrote ${path}`)
  }
  for (const path of stale) {
    await rm(join(root, path))
    console.log(`removed ${path}`)
  }
}

async function changedFiles(wanted: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const changes = new Map<string, string>()
  for (const [path, content] of wanted)
    if ((await readFile(join(root, path), 'utf8').catch(ignoreMissing)) !== content)
      changes.set(path, content)
  return changes
}

async function staleFiles(wanted: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = []
  for (const folder of ownedFolders)
    for (const name of (await readdir(join(root, folder)).catch(ignoreMissing)) ?? [])
      if (!wanted.has(`${folder}/${name}`)) found.push(`${folder}/${name}`)
  return found
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
