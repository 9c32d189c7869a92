// The image that the Dockerfile describes, made without a container registry: this machine's Node, the sources as
// they are, and the production dependencies out of node_modules.
import { execFile } from 'node:child_process'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { buildImage } from '#test/bed/image.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const floors = ['api', 'catalog', 'cli', 'common', 'connectors', 'lake', 'master', 'operator', 'worker']

export const sluiceImage = { repository: 'bed.local/sluice', tag: 'e2e' }

/** Writes the OCI archive. */
export async function buildSluiceImage(out: string, tag = sluiceImage.tag): Promise<void> {
  const copies = Object.fromEntries(
    [...floors, 'package.json', ...(await productionPackages())].map(path => [
      join(root, path),
      join('/app', path),
    ]),
  )
  await buildImage({
    name: `${sluiceImage.repository}:${tag}`,
    out,
    programs: { [process.execPath]: '/usr/local/bin/node' },
    copies,
    entrypoint: ['/usr/local/bin/node', '/app/cli/main.ts'],
    user: '65532:65532',
    workdir: '/app',
    env: { NODE_ENV: 'production' },
  })
}

/** Folders of the packages that `npm ci --omit=dev` would install; those inside another come along with it. */
async function productionPackages(): Promise<string[]> {
  const args = ['ls', '--all', '--omit=dev', '--parseable']
  // npm complains of peer dependencies by its exit code, and lists them all the same.
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 1 << 24 }).catch(
    (error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  )
  const paths = stdout.split('\n').map(path => relative(root, path))
  return paths.filter(path => path.startsWith('node_modules/') && path.split('node_modules/').length === 2)
}
