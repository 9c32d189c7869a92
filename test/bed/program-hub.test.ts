import { expect } from 'chai'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { ProgramHub } from './program-hub.ts'
import { type Program, PythonServer, sharedProgram } from './python-server.ts'

interface Request {
  id: number
  op: string
  args?: string
}

/** Answers with its number and what it was asked since the last `begin`; never answers `hang`; ends over `crash`. */
class FakeProgram implements Program {
  readonly input = new PassThrough()
  readonly output = new PassThrough()
  readonly ended: Promise<string>
  readonly #number: number
  #asked: string[] = []
  #end!: (reason: string) => void

  constructor(number: number) {
    this.#number = number
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
    createInterface({ input: this.input })
      .on('line', line => this.#answer(JSON.parse(line) as Request))
      .on('close', () => this.#end('end of input'))
  }

  kill(): void {
    this.#end('killed')
  }

  #answer({ id, op }: Request): void {
    if (op === 'hang') return
    if (op === 'crash') return this.#end('no memory')
    this.#asked = op === 'begin' ? [] : [...this.#asked, op]
    this.output.write(`${JSON.stringify({ id, result: [this.#number, ...this.#asked].join(' ') })}\n`)
  }
}

describe('ProgramHub', () => {
  let hub: ProgramHub
  let started: FakeProgram[]

  beforeEach(async () => {
    started = []
    hub = await ProgramHub.start(() => {
      const program = new FakeProgram(started.length + 1)
      started.push(program)
      return program
    })
  })
  afterEach(() => hub.stop())

  const client = (args: readonly string[] = ['spark']): PythonServer =>
    new PythonServer('Spark', sharedProgram(hub.socketPath, args))

  it('gives one program to one file after the other, each with a session of its own', async () => {
    const first = client()
    expect(await Promise.all([first.request({ op: 'a' }), first.request({ op: 'b' })])).to.deep.equal([
      '1 a',
      '1 a b',
    ])
    const second = client()
    const waiting = second.request({ op: 'c' })
    expect(await first.request({ op: 'd' })).to.equal('1 a b d')
    await first.stop()
    expect(await waiting).to.equal('1 c')
    await second.stop()
    expect(started).to.have.length(1)
  })

  it('keeps programs of other arguments apart', async () => {
    const [one, other] = [client(['0.15.0']), client(['1.2.0'])]
    expect(await one.request({ op: 'a' })).to.equal('1 a')
    expect(await other.request({ op: 'a' })).to.equal('2 a')
    await Promise.all([one.stop(), other.stop()])
  })

  it('starts another program after one that hangs', async () => {
    const first = client()
    const lost = first.request({ op: 'hang' }).catch((error: Error) => error.message)
    const second = client()
    const waiting = second.request({ op: 'a' })
    await first.stop()
    expect(await lost).to.contain('it has ended')
    expect(await started[0]!.ended).to.equal('killed')
    expect(await waiting).to.equal('2 a')
    await second.stop()
  })

  it('starts another program after one that died between two files', async () => {
    const first = client()
    await first.request({ op: 'a' })
    await first.stop()
    started[0]!.kill()
    const second = client()
    expect(await second.request({ op: 'a' })).to.equal('2 a')
    await second.stop()
  })

  it('tells a file why its program ended, and starts another for the next', async () => {
    const first = client()
    const error = await first.request({ op: 'crash' }).catch((thrown: Error) => thrown.message)
    expect(error).to.contain('no memory')
    expect(await first.request({ op: 'a' }).catch((thrown: Error) => thrown.message)).to.equal(error)
    await first.stop()
    const second = client()
    expect(await second.request({ op: 'a' })).to.equal('2 a')
    await second.stop()
  })
})
