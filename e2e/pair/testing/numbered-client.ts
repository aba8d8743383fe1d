import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { bodyOf, pathOf, type Numbered } from './numbered-app.ts'

/** What came of one request; undefined `status`: the connection ended before an answer. */
export interface Outcome {
  readonly number: number
  readonly status: number | undefined
  /** Of the answer's `x-number`; a proxy's own answers have none. */
  readonly answered: number | undefined
  readonly body: string
  /** The answer's framing says that nothing is missing. */
  readonly whole: boolean
}

const NOTHING = { status: undefined, answered: undefined, body: '', whole: false }

/** Sends all requests at once on one HTTP/1.1 connection, and takes the answers in their order. */
export function pipelined(port: number, requests: readonly Numbered[]): Promise<Outcome[]> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let text = ''
    let failed = false
    socket.setEncoding('latin1')
    const over = (ended: boolean): void => {
      const answers = readAnswers(text, ended && !failed)
      if (answers.length < requests.length && !ended) return
      socket.destroy()
      resolve(
        requests
          .map(({ number }, i) => ({ number, ...(answers[i] ?? NOTHING) }))
          .concat(
            // More answers than requests are nobody's.
            answers.slice(requests.length).map((answer) => ({ number: -1, ...answer })),
          ),
      )
    }
    socket.on('data', (chunk: string) => {
      text += chunk
      over(false)
    })
    socket.on('error', () => (failed = true))
    socket.on('close', () => over(true))
    socket.write(requests.map(message).join(''))
  })
}

function message(request: Numbered): string {
  const head = `${request.sent > 0 ? 'POST' : 'GET'} ${pathOf(request)} HTTP/1.1\r\nhost: app\r\n`
  if (request.sent === 0) return `${head}\r\n`
  return `${head}content-length: ${request.sent}\r\n\r\n${bodyOf(request.number, request.sent)}`
}

type Answer = Omit<Outcome, 'number'>

/** The answers in `text` that are whole; with the connection's end also the last one, that may not be. */
function readAnswers(text: string, ended: boolean | undefined): Answer[] {
  const answers: Answer[] = []
  let at = 0
  for (;;) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    if (headEnd < 0) return answers
    const head = text.slice(at, headEnd).toLowerCase()
    const status = Number(head.slice(9, 12))
    const number = /\r\nx-number: (\d+)/.exec(head)?.[1]
    const start = { status, answered: number === undefined ? undefined : Number(number) }
    const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
    let body = ''
    let end = headEnd + 4
    let whole = true
    if (length !== undefined) {
      body = text.slice(end, end + Number(length))
      end += Number(length)
      whole = end <= text.length
    } else if (head.includes('transfer-encoding: chunked')) {
      for (;;) {
        const line = text.indexOf('\r\n', end)
        const size = line < 0 ? NaN : parseInt(text.slice(end, line), 16)
        whole = line >= 0 && line + 4 + size <= text.length
        if (!whole) break
        body += text.slice(line + 2, line + 2 + size)
        end = line + 4 + size
        if (size === 0) break
      }
    } else if (status >= 200 && status !== 204) {
      body = text.slice(end)
      whole = ended === true
      end = text.length
    }
    if (whole || ended !== undefined) answers.push({ ...start, body, whole })
    if (!whole) return answers
    at = end
  }
}

/** Sends all requests at once as streams of one HTTP/2 connection. */
export async function multiplexed(port: number, requests: readonly Numbered[]): Promise<Outcome[]> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const outcomes = await Promise.all(requests.map((request) => stream(session, request)))
  session.destroy()
  return outcomes
}

function stream(session: ClientHttp2Session, request: Numbered): Promise<Outcome> {
  return new Promise((resolve) => {
    const { number } = request
    const opened = session.request({
      ':method': request.sent > 0 ? 'POST' : 'GET',
      ':path': pathOf(request),
    })
    let status: number | undefined
    let answered: number | undefined
    let body = ''
    let whole = false
    opened.setEncoding('latin1')
    opened.on('response', (headers) => {
      status = headers[':status']
      answered = headers['x-number'] === undefined ? undefined : Number(headers['x-number'])
    })
    opened.on('data', (chunk: string) => (body += chunk))
    opened.on('end', () => (whole = opened.rstCode === 0 && !opened.aborted))
    opened.on('error', () => {})
    opened.on('close', () =>
      resolve({ number, status, answered, body, whole: whole && opened.rstCode === 0 }),
    )
    opened.end(request.sent > 0 ? bodyOf(number, request.sent) : undefined)
  })
}
