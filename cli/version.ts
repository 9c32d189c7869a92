// `sluice version`.
import { readFile } from 'node:fs/promises'

export async function run(): Promise<number> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  process.stdout.write(`sluice ${version} (node ${process.version})\n`)
  return 0
}
