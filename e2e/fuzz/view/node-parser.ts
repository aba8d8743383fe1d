import { createRequire } from 'node:module'
import type { FramedRequest, FramedResponse } from './framed.ts'
import { originForm } from './framed.ts'

/** The part of Node's own parser (llhttp) that is used here; Node has no public name for it. */
interface Parser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void
  execute(bytes: Buffer): number | Error
  finish(): number | Error | undefined
  free(): void
  [callback: number]: unknown
}
interface ParserClass {
  new (): Parser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
  readonly kLenientNone: number
}
const common = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: ParserClass
  methods: readonly string[]
}
const { HTTPParser, methods } = common

export interface NodeRequest extends FramedRequest {
  /** As on the wire, name and value in turn; then the trailers likewise. */
  readonly fields: readonly string[]
  readonly trailers: readonly string[]
}

export interface NodeView<Message> {
  readonly messages: readonly Message[]
  /** llhttp's reason, or undefined. */
  readonly error: string | undefined
  /** It is inside a message and waits for more. */
  readonly waits: boolean
}

const PROCEED = 0
const SKIP_BODY = 1
const MAX_HEAD_BYTES = 60 * 1024

/** What Node's request parser, with no leniency, makes of `stream`. An upgrade is never accepted. */
export function nodeRequestView(stream: Buffer): NodeView<NodeRequest> {
  const messages: NodeRequest[] = []
  let method = ''
  let target = ''
  const run = parse(HTTPParser.REQUEST, stream, {
    head(methodNumber, url) {
      method = methods[methodNumber] ?? ''
      target = url
      return PROCEED
    },
    whole: (fields, body, trailers) =>
      void messages.push({ method, target: originForm(method, target), body, fields, trailers }),
  })
  return { messages, ...run }
}

/** What Node's response parser makes of the answer to `method`; `closed`: the server ended its side after it. */
export function nodeResponseView(stream: Buffer, method: string, closed: boolean): NodeView<FramedResponse> {
  const messages: FramedResponse[] = []
  let status = 0
  const run = parse(
    HTTPParser.RESPONSE,
    stream,
    {
      head(_method, _url, statusCode) {
        status = statusCode
        return method === 'HEAD' || status < 200 ? SKIP_BODY : PROCEED
      },
      whole: (_fields, body) => void messages.push({ status, body }),
    },
    closed,
  )
  return { messages, ...run }
}

interface Told {
  head(method: number, url: string, status: number): number
  whole(fields: readonly string[], body: string, trailers: readonly string[]): void
}

function parse(
  type: number,
  stream: Buffer,
  told: Told,
  closed = false,
): { error: string | undefined; waits: boolean } {
  const parser = new HTTPParser()
  let fields: string[] = []
  let trailers: string[] = []
  let url = ''
  let body = ''
  let inMessage = false
  let afterHead = false
  parser.initialize(type, {}, MAX_HEAD_BYTES, HTTPParser.kLenientNone)
  // Long heads come in parts; trailers always come this way.
  parser[HTTPParser.kOnHeaders] = (list: string[], part: string) => {
    if (afterHead) trailers.push(...list)
    else fields.push(...list)
    if (!afterHead) url += part
  }
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    list: string[] | undefined,
    method: number,
    path: string | undefined,
    status: number,
  ) => {
    if (list !== undefined) fields.push(...list)
    if (path !== undefined) url += path
    inMessage = true
    afterHead = true
    return told.head(method, url, status)
  }
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => void (body += chunk.toString('latin1'))
  parser[HTTPParser.kOnMessageComplete] = () => {
    told.whole(fields, body, trailers)
    fields = []
    trailers = []
    url = ''
    body = ''
    inMessage = false
    afterHead = false
  }
  let rest = stream
  let error: string | undefined
  while (rest.length > 0) {
    // It stops at the end of a request that asks for another protocol, and goes on when it is told to.
    const taken = parser.execute(rest)
    // Behind an upgrade it keeps errors to itself and takes nothing.
    if (typeof taken !== 'number' || taken === 0) {
      error = typeof taken === 'number' ? 'stopped behind an upgrade' : taken.message
      break
    }
    rest = rest.subarray(taken)
  }
  if (closed && error === undefined) {
    const end = parser.finish()
    if (end instanceof Error) error = end.message
  }
  parser.free()
  return { error, waits: inMessage && error === undefined }
}
