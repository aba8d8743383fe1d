import type { Socket } from 'node:net'
import { firstLine, open, openTls, say, tally, type Target } from './sockets.ts'

const FORGED = 'URI=spiffe://forged'
const FIELD = `x-forwarded-client-cert: ${FORGED}`
/** `path` tells the application which way it came. */
const fields = (field = FIELD) => `\r\nhost: server\r\nconnection: close\r\n${field}\r\n\r\n`
const head = (path: string, field = FIELD) => `GET /${path} HTTP/1.1${fields(field)}`

// Longer than bytes are waited for at an undeclared port.
const SILENT_MS = 3500

const SPELLINGS = [
  'X_Forwarded_Client_Cert',
  'x-forwarded_client-Cert',
  'x.forwarded.client.cert',
  "x~forwarded|client'cert",
]

/** Beginnings that some server of HTTP passes over or takes for a request. */
const BEGINNINGS: readonly (readonly string[])[] = [
  [head('plain')],
  [`\r\n${head('blank-line')}`],
  [`\r\n\r\n\n${head('blank-lines')}`],
  [`\n${head('bare-newline')}`],
  [` ${head('blank')}`],
  [`GET /rtsp RTSP/1.0${fields()}`],
  [`SOURCE /ice ICE/1.0${fields()}`],
  [`OPTIONS * RTSP/1.0${fields()}`],
  [`\x00GET /nul HTTP/1.1${fields()}`],
  [`PRI * HTTP/1.1${fields()}`],
  [`PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${head('proxy')}`],
  [`word\r\n${head('second-line')}`],
  [`\x16\x03\x01\x00\x30\x01 /tls HTTP/1.1${fields()}`],
  ...SPELLINGS.map((name) => [head('spelling', `${name}: ${FORGED}`)]),
  [
    'POST /trailer HTTP/1.1\r\nhost: server\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n',
    `0\r\n${FIELD}\r\n\r\n`,
  ],
  [head('nominated', `connection: x-forwarded-client-cert\r\n${FIELD}`)],
  // In parts, so that what comes first says nothing yet.
  ['\r', '\n', head('after-newline')],
  ['G', head('cut').slice(1)],
  [`\x00`, `GET /cut-nul HTTP/1.1${fields()}`],
  [...'GET /drop HTTP/1.1'.split(''), fields()],
]

async function play(connect: () => Promise<Socket | undefined>): Promise<Record<string, number>> {
  const answers = await Promise.all([
    ...BEGINNINGS.map(async (parts) => say(await connect(), parts)),
    ...[head('after-silence'), `\r\n${head('blank-line-after-silence')}`].map(async (text) =>
      say(await connect(), [text], { silentMs: SILENT_MS }),
    ),
  ])
  return tally(answers.map(firstLine))
}

/** As whoever reaches the port. */
export const asNeighbour = async (target: Target) => ({ answers: await play(() => open(target)) })

/** The simplest of them alone. */
export const inBlankLines = async (target: Target) => ({
  answer: firstLine(await say(await open(target), [`\r\n${head('blank-line')}`])),
})

/** With a certificate of the mesh, and bytes of its own inside. */
export const asPeer = async (target: Target, key: string, cert: string) => ({
  answers: await play(() => openTls(target, { key, cert, ALPNProtocols: ['weft-tcp'] })),
})

/** Nothing that HTTP is: on a declared port it must not arrive. */
export async function opaque(target: Target): Promise<unknown> {
  return { answer: firstLine(await say(await open(target), ['\x01\x02 no http at all\r\n\r\n'])) }
}

/** What a stranger is told when nobody listens behind the sidecar. */
export async function refusal(target: Target): Promise<unknown> {
  return { text: await say(await open(target), [head('nobody')]) }
}
