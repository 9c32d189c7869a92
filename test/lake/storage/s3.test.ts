// Answers an S3 server gives rarely, from a small server of our own. All else is tested against a real one
// (test/integration/storage/s3.test.ts).
import { expect } from 'chai'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '#common/clock.ts'
import { openStore } from '#lake/storage/open.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

type Answer = (request: { body: Buffer; message: IncomingMessage }, response: ServerResponse) => void

const objects = new Map<string, Buffer>()
let answers: Answer[] = []
let asked: string[] = []

const storeAndHangUp: Answer = ({ body, message }, response) => {
  objects.set(message.url!.split('?')[0]!, body)
  response.destroy()
}

const hangUp: Answer = (_, response) => response.destroy()

function refuse(status: number, code: string): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`)
  }
}

/** What a server that honours If-None-Match does. */
const usual: Answer = ({ body, message }, response) => {
  const key = message.url!.split('?')[0]!
  const there = objects.get(key)
  if (message.method === 'GET') {
    if (there === undefined) refuse(404, 'NoSuchKey')({ body, message }, response)
    else response.end(there)
  } else if (there !== undefined && message.headers['if-none-match'] === '*') {
    refuse(412, 'PreconditionFailed')({ body, message }, response)
  } else {
    objects.set(key, body)
    response.end()
  }
}

describe('S3Store: rare answers', function () {
  this.timeout(20_000)
  let server: Server
  let store: ObjectStore

  before(async () => {
    server = createServer((message, response) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.on('end', () => {
        asked.push(message.method!)
        const answer = answers.shift() ?? usual
        answer({ body: Buffer.concat(chunks), message }, response)
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
    const s3 = { endpoint: `http://127.0.0.1:${port}`, pathStyle: true, credentials }
    store = await openStore('s3://bucket/lake', { clock: systemClock, s3 })
  })

  beforeEach(() => {
    objects.clear()
    answers = []
    asked = []
  })

  after(async () => {
    await store.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })

  it('knows its own first try behind a 412', async () => {
    answers = [storeAndHangUp]
    expect(await store.putIfAbsent('a', Buffer.from('mine'))).to.equal(true)
    expect(asked).to.deep.equal(['PUT', 'PUT', 'GET'])
  })

  it('knows that another one was first behind a 412 to its second try', async () => {
    objects.set('/bucket/lake/a', Buffer.from('theirs'))
    answers = [hangUp]
    expect(await store.putIfAbsent('a', Buffer.from('mine'))).to.equal(false)
  })

  it('takes a 412 to its first try for what it is', async () => {
    objects.set('/bucket/lake/a', Buffer.from('mine'))
    expect(await store.putIfAbsent('a', Buffer.from('mine'))).to.equal(false)
    expect(asked).to.deep.equal(['PUT'])
  })

  it('tries again when conditional writes met', async () => {
    answers = [refuse(409, 'ConditionalRequestConflict')]
    expect(await store.putIfAbsent('a', Buffer.from('mine'))).to.equal(true)
    expect(objects.get('/bucket/lake/a')!.toString()).to.equal('mine')
  })

  it('says that the server has no create-if-absent', async () => {
    answers = [refuse(501, 'NotImplemented'), refuse(501, 'NotImplemented'), refuse(501, 'NotImplemented')]
    answers.push(...answers)
    const error: unknown = await store.putIfAbsent('a', Buffer.from('x')).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_NO_CONDITIONAL_PUT' })
  })

  it('reads again when a body is torn', async () => {
    objects.set('/bucket/lake/a', Buffer.from('0123456789'))
    answers = [
      (_, response) => {
        response.writeHead(200, { 'content-length': '10' })
        response.write('0123')
        setTimeout(() => response.destroy(), 20)
      },
    ]
    expect(Buffer.from((await store.get('a'))!).toString()).to.equal('0123456789')
  })

  it('waits out a server that asks for less', async () => {
    answers = [refuse(503, 'SlowDown'), refuse(503, 'SlowDown')]
    await store.put('a', Buffer.from('x'))
    expect(asked).to.deep.equal(['PUT', 'PUT', 'PUT'])
  })

  it('aborts an upload in parts when one is refused, and not before the others ended', async () => {
    const part: Answer = (_, response) => response.writeHead(200, { etag: '"1"' }).end()
    answers = [
      (_, response) => response.end('<?xml version="1.0"?><R><UploadId>upload</UploadId></R>'),
      part,
      refuse(403, 'AccessDenied'),
      part,
      (_, response) => response.writeHead(204).end(),
    ]
    const chunks = (async function* () {
      for (let at = 0; at < 10; at++) yield new Uint8Array(8 << 20)
    })()
    const error: unknown = await store.putStream('a', chunks).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_DENIED' })
    expect(asked.at(-1)).to.equal('DELETE')
    expect(asked.filter(method => method === 'PUT').length).to.be.within(1, 4)
  })

  describe('trusts no listing', () => {
    const listing = (keys: readonly string[], isTruncated: boolean): Answer => {
      const contents = keys.map(key => `<Contents><Key>lake/${key}</Key><Size>1</Size></Contents>`).join('')
      const list = `${contents}<IsTruncated>${isTruncated}</IsTruncated>`
      return (_, response) =>
        response.end(`<?xml version="1.0"?><ListBucketResult>${list}</ListBucketResult>`)
    }

    it('but does not mind an object that stands for the folder', async () => {
      answers = [listing(['', 'a'], false)]
      const paths: string[] = []
      for await (const { path } of store.list('')) paths.push(path)
      expect(paths).to.deep.equal(['', 'a'])
    })

    for (const { name, answer } of [
      { name: 'that is out of order', answer: listing(['a', 'c', 'b'], false) },
      { name: 'that ends in the middle', answer: listing(['a', 'b'], true) },
    ])
      it(name, async () => {
        answers = [answer]
        const error: unknown = await (async () => {
          for await (const { path } of store.list('')) expect(path).to.be.a('string')
        })().catch((thrown: unknown) => thrown)
        expect(error).to.include({ name: 'ConfigError', code: 'STORAGE_LIST_UNRELIABLE' })
      })
  })

  describe('clears away uploads in parts that were never ended', () => {
    const upload = (key: string, id: string, initiated: string): string =>
      `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated}</Initiated></Upload>`
    const page = (uploads: string, next: string): Answer => {
      const end = next === '' ? '' : `<NextKeyMarker>${next}</NextKeyMarker>`
      const list = `${uploads}<IsTruncated>${next !== ''}</IsTruncated>${end}`
      return (_, response) =>
        response.end(`<?xml version="1.0"?><ListMultipartUploadsResult>${list}</ListMultipartUploadsResult>`)
    }
    const gone: Answer = (_, response) => response.writeHead(204).end()
    const before = Date.UTC(2026, 10, 24)

    it('of all pages, but not those that are young', async () => {
      answers = [
        page(upload('lake/a', '1', '2026-11-20T00:00:00Z'), 'lake/a'),
        gone,
        page(
          upload('lake/b', '2', '2026-11-24T12:00:00Z') + upload('lake/c', '3', '2026-11-01T00:00:00Z'),
          '',
        ),
        // Another one was faster.
        refuse(404, 'NoSuchUpload'),
      ]
      await store.removeUnfinished!(before)
      expect(asked).to.deep.equal(['GET', 'DELETE', 'GET', 'DELETE'])
    })

    it('and leaves them where it may not look for them', async () => {
      answers = [refuse(403, 'AccessDenied')]
      await store.removeUnfinished!(before)
      expect(asked).to.deep.equal(['GET'])
    })
  })
})
