// The S3 store over TLS, with a certificate nobody knows, and through the proxy of an environment.
import { expect } from 'chai'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BedMinio } from '#test/bed/minio.ts'
import { startMinio } from '#test/bed/minio.ts'
import { systemClock } from '#common/clock.ts'
import { openStore } from '#lake/storage/open.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { S3Options } from '#lake/storage/s3-options.ts'

interface Certificate {
  cert: string
  key: string
}

/** A certificate that is its own CA. */
function certificateFor(subjectAltName: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cert-'))
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=store']
  const names = ['-addext', `subjectAltName=${subjectAltName}`]
  execFileSync('openssl', [...request, ...names, '-keyout', files.key, '-out', files.cert], {
    stdio: 'ignore',
  })
  const made = { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') }
  rmSync(folder, { recursive: true })
  return made
}

describe('S3Store over TLS', function () {
  this.timeout(60_000)
  let minio: BedMinio
  let certificate: Certificate
  const opened: ObjectStore[] = []

  function options(more: Partial<S3Options>): S3Options {
    const credentials = { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey }
    return { endpoint: minio.endpoint, pathStyle: true, credentials, ...more }
  }

  async function open(more: Partial<S3Options>): Promise<ObjectStore> {
    const store = await openStore('s3://lake/x', { clock: systemClock, s3: options(more) })
    opened.push(store)
    return store
  }

  before(async () => {
    certificate = certificateFor('IP:127.0.0.1')
    minio = await startMinio({ tls: certificate })
    await minio.createBucket('lake')
  })

  after(async () => {
    for (const store of opened) await store.close()
    await minio?.stop()
  })

  it('does not speak to a store whose certificate nobody vouches for', async () => {
    const stranger = certificateFor('IP:127.0.0.1')
    for (const more of [{}, { ca: stranger.cert }]) {
      const store = await open(more)
      const error: unknown = await store.get('a').catch((thrown: unknown) => thrown)
      expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_TLS_FAILED' })
    }
  })

  it('trusts the CA it is given', async () => {
    const store = await open({ ca: certificate.cert })
    await store.put('a', Buffer.from('x'))
    expect(Buffer.from((await store.get('a'))!).toString()).to.equal('x')
  })

  it('trusts anyone when it is told to', async () => {
    const store = await open({ insecureSkipVerify: true })
    await store.put('b', Buffer.from('x'))
    expect(Buffer.from((await store.get('b'))!).toString()).to.equal('x')
  })

  it('goes through the proxy of the environment', async () => {
    const tunnels: string[] = []
    const proxy = createServer()
    proxy.on('connect', (request, near: Socket) => {
      tunnels.push(request.url!)
      const far = connect(minio.port, '127.0.0.1', () => near.write('HTTP/1.1 200 OK\r\n\r\n'))
      for (const socket of [near, far]) socket.on('error', () => undefined)
      near.pipe(far).pipe(near)
    })
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as AddressInfo
    const script = `
      import { systemClock } from '#common/clock.ts'
      import { openStore } from '#lake/storage/open.ts'
      const store = await openStore('s3://lake/x', { clock: systemClock, s3: JSON.parse(process.argv[1]) })
      await store.put('c', Buffer.from('through'))
      console.log(Buffer.from(await store.get('c')).toString())
      await store.close()`
    const s3 = JSON.stringify(options({ ca: certificate.cert }))
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module-typescript', '-e', script, s3],
      {
        env: {
          ...process.env,
          NODE_USE_ENV_PROXY: '1',
          HTTPS_PROXY: `http://127.0.0.1:${port}`,
          NO_PROXY: '',
        },
      },
    )
    proxy.closeAllConnections()
    proxy.close()
    expect(stdout).to.equal('through\n')
    expect(tunnels).to.include(`127.0.0.1:${minio.port}`)
  })
})
