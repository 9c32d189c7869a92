import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sluice = fileURLToPath(new URL('../../cli/sluice.mjs', import.meta.url))
const samples = fileURLToPath(new URL('../../manifests/samples', import.meta.url))

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the command as a shell would. */
function run(...args: string[]): Promise<Outcome> {
  return runWithInput('', ...args)
}

function runWithInput(input: string, ...args: string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [sluice, ...args], (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
    child.stdin!.end(input)
  })
}

describe('sluice validate', () => {
  let folder: string
  let bad: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-validate-'))
    bad = join(folder, 'bad.yaml')
    await writeFile(
      bad,
      'apiVersion: sluice.dev/v1alpha1\nkind: DataSource\nmetadata: {name: lake}\nspec: {type: hudi, hudi: {uri: "s3://lake"}}\n',
    )
  })
  after(() => rm(folder, { recursive: true }))

  for (const file of ['shop-to-lake.yaml', 'clicks-to-lake.yaml'])
    it(`finds nothing wrong with the sample ${file}`, async () => {
      const { code, stdout } = await run('validate', '-f', join(samples, file))
      expect(stdout).to.match(/^valid: 2 DataSource, 1 SyncJob/)
      expect(code).to.equal(0)
    })

  it('reads a folder', async () => {
    const { code, stdout } = await run('validate', '-f', samples)
    expect(stdout).to.equal('valid: 3 DataSource, 2 SyncJob, 2 VirtualTable\n')
    expect(code).to.equal(0)
  })

  it('reads standard input', async () => {
    const { code, stdout } = await runWithInput('kind: SyncJb\n', 'validate', '-f', '-')
    expect(stdout).to.match(/^standard input:1:1: SyncJb: kind:/)
    expect(code).to.equal(1)
  })

  it('prints one line for each problem and ends with 1', async () => {
    const { code, stdout } = await run('validate', '-f', bad)
    expect(stdout).to.equal(
      `${bad}:4:27: DataSource lake: spec.hudi.uri: there is no such field; did you mean \`url\`?\n\n1 problem\n`,
    )
    expect(code).to.equal(1)
  })

  it('prints them as JSON for other programs', async () => {
    const { code, stdout } = await run('validate', '-o', 'json', '-f', bad)
    expect(JSON.parse(stdout)).to.deep.equal([
      {
        path: 'spec.hudi.uri',
        message: 'there is no such field; did you mean `url`?',
        file: bad,
        subject: 'DataSource lake',
        line: 4,
        column: 27,
      },
    ])
    expect(code).to.equal(1)
  })

  const wrong: { name: string; args: string[]; message: string }[] = [
    { name: 'no file', args: ['validate'], message: 'sluice validate: give at least one file: -f FILE' },
    {
      name: 'an option that there is not',
      args: ['validate', '--flie', 'x'],
      message: "sluice validate: Unknown option '--flie'",
    },
    {
      name: 'a format that there is not',
      args: ['validate', '-f', 'x', '-o', 'xml'],
      message: 'sluice validate: --output is text or json',
    },
    {
      name: 'a command that there is not',
      args: ['valdate'],
      message: 'sluice: there is no command "valdate"',
    },
  ]
  for (const { name, args, message } of wrong)
    it(`ends with 2 for ${name}`, async () => {
      const { code, stderr } = await run(...args)
      expect(stderr.split('\n')[0]).to.include(message)
      expect(stderr).to.include('Usage: sluice')
      expect(code).to.equal(2)
    })

  it('ends with 1 for a file that is not there', async () => {
    const { code, stderr } = await run('validate', '-f', join(folder, 'none.yaml'))
    expect(stderr).to.match(/^sluice validate: ENOENT/)
    expect(code).to.equal(1)
  })
})

describe('sluice', () => {
  it('lists its commands', async () => {
    const { code, stdout } = await run('help')
    for (const command of ['run', 'validate', 'worker', 'operator', 'version'])
      expect(stdout).to.match(new RegExp(`^  ${command} `, 'm'))
    expect(code).to.equal(0)
  })

  it('explains a command', async () => {
    const { stdout } = await run('validate', '--help')
    expect(stdout).to.match(/^Usage: sluice validate -f FILE/)
  })

  it('tells its version', async () => {
    const { stdout } = await run('--version')
    expect(stdout).to.match(/^sluice \d+\.\d+\.\d+ \(node v24/)
  })
})
