// Finds a Python that has hudi-rs, the Rust reader of Hudi tables that we did not write; makes one in a folder of
// the project when the package can be had.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const packages = ['hudi==0.5.0', 'pyarrow==26.0.1']
const installTimeoutMs = 75_000

/** The path of such a Python, or null with the reason in `why`. */
export async function pythonWithHudi(folder: string): Promise<{ python: string | null; why: string }> {
  const own = join(folder, 'python', 'bin', 'python')
  const cached = join(homedir(), '.cache', 'sluice-bed', 'py', 'bin', 'python')
  for (const python of [own, cached, 'python3']) if (await hasHudi(python)) return { python, why: '' }
  try {
    await execute('python3', ['-m', 'venv', join(folder, 'python')], { timeout: 30_000 })
    await execute(own, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages], {
      timeout: installTimeoutMs,
    })
    return (await hasHudi(own))
      ? { python: own, why: '' }
      : { python: null, why: 'the hudi package does not load' }
  } catch (error) {
    const [line] = String((error as { stderr?: string }).stderr || (error as Error).message)
      .trim()
      .split('\n')
      .slice(-1)
    return { python: null, why: line ?? 'Python cannot have it' }
  }
}

async function hasHudi(python: string): Promise<boolean> {
  if (python.includes('/') && !existsSync(python)) return false
  return execute(python, ['-c', 'from hudi import HudiReadOptions'], { timeout: 20_000 }).then(
    () => true,
    () => false,
  )
}
