import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { temporaryDir } from '#test/bed/cache.ts'
import { type BedKafka, startKafka } from '#test/bed/kafka.ts'
import { requires } from '#test/bed/requires.ts'
import { TopicBed, discovered, openSource, plan, read } from './topic-bed.ts'

describe('Kafka source over TLS and SASL', function () {
  this.timeout(120_000)
  requires('kafka')

  let server: BedKafka
  let dir: string
  let ca: string

  before(async () => {
    dir = temporaryDir('kafka-tls')
    const files = { key: join(dir, 'key.pem'), cert: join(dir, 'cert.pem') }
    const name = ['-subj', '/CN=kafka', '-addext', 'subjectAltName=IP:127.0.0.1']
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...name]
    execFileSync('openssl', [...made, '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' })
    ca = readFileSync(files.cert, 'utf8')
    const inline = (path: string): string => readFileSync(path, 'utf8').trim().replaceAll('\n', '\\n')
    const login = 'org.apache.kafka.common.security'
    server = await startKafka({
      secured: 'SASL_SSL',
      scram: ['256', '512'].map(bits => `SCRAM-SHA-${bits}=[name=reader,password=s3cret-${bits}]`),
      properties: {
        'listener.name.secured.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'listener.name.secured.plain.sasl.jaas.config': `${login}.plain.PlainLoginModule required user_reader="s3cret-plain";`,
        'listener.name.secured.scram-sha-256.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
        'listener.name.secured.scram-sha-512.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
        'listener.name.secured.ssl.keystore.type': 'PEM',
        'listener.name.secured.ssl.keystore.certificate.chain': inline(files.cert),
        'listener.name.secured.ssl.keystore.key': inline(files.key),
      },
    })
    const bed = new TopicBed(server.brokers)
    await bed.open()
    await bed.createTopic('secret', 2)
    await bed.send('secret', [{ value: '{"id":1}' }, { value: '{"id":2}' }])
    await bed.close()
  })
  after(async () => {
    await server.stop()
    await rm(dir, { recursive: true })
  })

  interface Credentials {
    mechanism: string
    password: string
  }

  async function ids(tls: object, credentials: Credentials): Promise<unknown[]> {
    const sasl = {
      mechanism: credentials.mechanism,
      user: { value: 'reader' },
      password: { value: credentials.password },
    }
    const source = await openSource({ brokers: [server.securedBroker!], spec: { tls, sasl } })
    try {
      const { rows } = await read(source, await plan(source, await discovered(source, 'secret')), 2)
      return rows.map(row => row.values[0] as bigint).toSorted((a, b) => Number(a - b))
    } finally {
      await source.close()
    }
  }

  async function failure(doing: Promise<unknown>): Promise<unknown> {
    return doing.then(
      () => null,
      (error: unknown) => error,
    )
  }

  const trusted = {
    enabled: true,
    get ca() {
      return { value: ca }
    },
  }

  for (const [mechanism, password] of [
    ['plain', 's3cret-plain'],
    ['scram-sha-256', 's3cret-256'],
    ['scram-sha-512', 's3cret-512'],
  ] as const) {
    it(`reads with ${mechanism}`, async () => {
      expect(await ids(trusted, { mechanism, password })).to.deep.equal([1n, 2n])
    })

    it(`says that ${mechanism} was refused, and keeps the password to itself`, async () => {
      const error = await failure(ids(trusted, { mechanism, password: 'wrong-one' }))
      expect(error).to.include({ name: 'ConfigError', code: 'SOURCE_AUTH_FAILED' })
      expect(String((error as Error).stack) + String((error as Error).cause)).not.to.include('wrong-one')
    })
  }

  it('connects with what the Secret holds now, not with what it held when the source was opened', async () => {
    let password = 'old-one'
    const source = await openSource({
      brokers: [server.securedBroker!],
      spec: {
        tls: trusted,
        sasl: { mechanism: 'scram-sha-256', user: { value: 'reader' }, password: { value: 'in a file' } },
      },
      secret: async ({ value = '' }) => (value === 'in a file' ? password : value),
    })
    try {
      expect(await failure(discovered(source, 'secret'))).to.include({ code: 'SOURCE_AUTH_FAILED' })
      password = 's3cret-256'
      expect((await discovered(source, 'secret')).name).to.equal('secret')
    } finally {
      await source.close()
    }
  })

  it('does not trust a certificate no CA vouches for, unless told to', async () => {
    const good = { mechanism: 'plain', password: 's3cret-plain' }
    expect(await failure(ids({ enabled: true }, good))).to.include({
      name: 'ConfigError',
      code: 'SOURCE_TLS_FAILED',
    })
    expect(await ids({ enabled: true, insecureSkipVerify: true }, good)).to.deep.equal([1n, 2n])
  })

  it('says that the broker does not answer, when it speaks something else', async () => {
    const good = { mechanism: 'plain', password: 's3cret-plain' }
    const error = await failure(ids({ enabled: false }, good))
    expect(error).to.include({ name: 'TransientError', code: 'SOURCE_UNREACHABLE' })
  })
})
