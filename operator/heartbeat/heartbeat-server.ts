// The master's port: POST /heartbeat, and nothing else. Workers prove with a token who they are; whoever does not lead says
// so, and the worker asks another of us. docs/decisions/0021-master-endpoint.md
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import { heartbeatSchema } from '#api/heartbeat.ts'
import { listen } from '#common/listen.ts'
import type { ListeningServer } from '#common/listen.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'

export interface HeartbeatServerOptions<Identity> {
  host: string
  /** 0 takes any free port. */
  port: number
  /** Whose token it is that came from this address; null: nobody's who may ask. */
  identify: (token: string, address: string) => Promise<Identity | null>
  /** The answer; null while another leads; a text: why this sender may not say this. */
  answer: (sender: Identity, heartbeat: Heartbeat) => HeartbeatAnswer | string | null
  logger: Logger
  /** Hears of each answer's status. */
  onAnswer: (status: number) => void
}

/** A heartbeat of a worker with thousands of splits is far below. */
const bodyBytesMax = 4 * 1024 * 1024

type Answer = { status: number; body: HeartbeatAnswer | { message: string } }

export async function startHeartbeatServer<Identity>(
  options: HeartbeatServerOptions<Identity>,
): Promise<ListeningServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    respond(request, options).then(
      ({ status, body }) => {
        options.onAnswer(status)
        response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        response.end(JSON.stringify(body))
      },
      (error: unknown) => {
        options.logger.warn('a heartbeat could not be answered', errorFields(error))
        options.onAnswer(500)
        response.writeHead(500)
        response.end()
      },
    )
  })
  return listen(server, options)
}

async function respond<Identity>(
  request: IncomingMessage,
  { identify, answer }: HeartbeatServerOptions<Identity>,
): Promise<Answer> {
  if (request.method !== 'POST' || request.url !== '/heartbeat')
    return refusal(404, 'There is POST /heartbeat.')
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return refusal(401, 'Give the token of a worker pod: Authorization: Bearer …')
  const sender = await identify(token, request.socket.remoteAddress ?? '')
  if (sender === null) return refusal(401, 'The token is not one of a worker pod, or has ended.')
  const body = await readBody(request)
  if (body === null) return refusal(413, `A heartbeat has at most ${bodyBytesMax} bytes.`)
  const heartbeat = parsed(body)
  if (heartbeat === null) return refusal(400, 'The body is not a heartbeat.')
  const answered = answer(sender, heartbeat)
  if (answered === null) return refusal(503, 'Another operator leads, or this one has not begun to yet.')
  if (typeof answered === 'string') return refusal(403, answered)
  return { status: 200, body: answered }
}

function refusal(status: number, message: string): Answer {
  return { status, body: { message } }
}

function parsed(body: string): Heartbeat | null {
  try {
    return heartbeatSchema.safeParse(JSON.parse(body)).data ?? null
  } catch {
    return null
  }
}

/** Null when it is too large: the rest is taken all the same, so that the sender hears of it. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= bodyBytesMax) chunks.push(chunk)
  }
  return size > bodyBytesMax ? null : Buffer.concat(chunks, size).toString('utf8')
}
