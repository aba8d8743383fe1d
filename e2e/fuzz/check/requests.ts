import { METHODS } from 'node:http'
import { type FramedRequest, partialDifference, quote, requestDifference, SENTINEL } from '../view/framed.ts'
import { forwardedRequest } from '../view/forwarded.ts'
import { nodeRequestView, type NodeRequest } from '../view/node-parser.ts'
import { type AcceptedRequest, weftServerView, type WeftServerView } from '../view/weft-server.ts'
import { cutPlaces, numbers } from './splits.ts'

/** What is left to ask peers on sockets, and what was found without them. */
export interface CheckedRequests {
  readonly accepted: readonly AcceptedRequest[]
  /** What Weft accepted of the stream, and the sentinel. */
  readonly asReceived: Buffer
  /** What Weft makes of `asReceived`: a peer must see the same. */
  readonly expected: readonly FramedRequest[]
  /** By accepted request, how Weft sends it on. */
  readonly forwarded: readonly Buffer[]
  /** The stream itself, where Weft took a part of it only and something of it. */
  readonly partial: Buffer | undefined
  /** Of such a stream: Weft waits for the rest of a body. */
  readonly waits: boolean
  readonly refusal: string | undefined
  /** Node's parser refused `asReceived`. */
  readonly nodeRefused: boolean
  readonly cuts: number
  readonly differences: readonly string[]
}

/** Every check of a client's stream that needs no socket; `seed` chooses where long streams are cut. */
export function checkRequestStream(stream: Buffer, seed: number): CheckedRequests {
  const differences: string[] = []
  const whole = weftServerView(stream)
  const bytewise = weftServerView(stream, { bytewise: true })
  compareViews('byte by byte', whole, bytewise, differences)
  const cuts = whole.accepted.length === 0 ? [] : cutPlaces(stream.length, seed)
  for (const cut of cuts)
    compareViews(`cut at ${cut}`, whole, weftServerView(stream, { cuts: [cut] }), differences)
  compareViews(
    'answered late',
    whole,
    weftServerView(stream, { late: true, cuts: cuts.slice(0, 1) }),
    differences,
  )
  compareViews('with a FIN', whole, weftServerView(stream, { fin: true }), differences)
  checkEarlyEnd(stream, bytewise, numbers(seed)() % (stream.length + 1), differences)

  const accepted = bytewise.accepted
  const to = accepted.at(-1)?.to ?? 0
  const asReceived = Buffer.concat([stream.subarray(0, to), Buffer.from(SENTINEL)])
  const expected = weftServerView(asReceived).accepted
  if (describe(expected.slice(0, accepted.length)) !== describe(accepted))
    differences.push('what follows changes the requests before it')
  const node = nodeRequestView(asReceived)
  if (accepted.length > 0) {
    const hung = node.error === undefined && node.messages.length < expected.length
    const difference =
      requestDifference(expected, node.messages, hung) ?? fieldDifference(expected, node.messages)
    if (difference !== undefined) differences.push(`Node, as received: ${difference}`)
  }
  const waits = whole.unfinished !== undefined && whole.refusal === undefined
  const partial = waits || (whole.refusal !== undefined && accepted.length > 0)
  if (partial) {
    const other = partialDifference(accepted, nodeRequestView(stream).messages, waits)
    if (other !== undefined) differences.push(`Node, all of it: ${other}`)
  }
  const forwarded = accepted.map(forwardedRequest)
  for (const [i, request] of accepted.entries()) checkForwarded(request, forwarded[i] as Buffer, differences)
  return {
    accepted,
    asReceived,
    expected,
    forwarded,
    partial: partial ? stream : undefined,
    waits,
    refusal: whole.refusal,
    nodeRefused: accepted.length > 0 && node.error !== undefined && node.messages.length < accepted.length,
    cuts: cuts.length,
    differences,
  }
}

function describe(accepted: readonly AcceptedRequest[]): string {
  return JSON.stringify(accepted.map((one) => ({ ...one, to: 0 })))
}

function compareViews(
  how: string,
  whole: WeftServerView,
  other: WeftServerView,
  differences: string[],
): void {
  if (describe(whole.accepted) !== describe(other.accepted)) differences.push(`${how}: other requests`)
  if (JSON.stringify(whole.unfinished) !== JSON.stringify(other.unfinished))
    differences.push(`${how}: another unfinished request`)
  // In pieces a bad head may be refused only at its end, never more of them.
  if (other.refusal !== undefined && whole.refusal === undefined)
    differences.push(`${how}: refused with ${other.refusal}`)
}

function checkEarlyEnd(
  stream: Buffer,
  { accepted }: WeftServerView,
  cut: number,
  differences: string[],
): void {
  const early = weftServerView(stream.subarray(0, cut), { fin: true })
  if (describe(early.accepted) !== describe(accepted.filter(({ to }) => to <= cut)))
    differences.push(`ended at ${cut}: the end of the connection passed for the end of a request`)
}

/** Weft's fields must all stand on the wire as Node reads it, in that order; likewise the trailers. */
function fieldDifference(ours: readonly AcceptedRequest[], node: readonly NodeRequest[]): string | undefined {
  for (let i = 0; i < Math.min(ours.length, node.length); i++) {
    const a = ours[i] as AcceptedRequest
    const b = node[i] as NodeRequest
    const strange = strangeField(a.head.fields, b.fields) ?? strangeField(a.trailers ?? [], b.trailers)
    if (strange !== undefined) return `request ${i}: field ${quote(strange)} is not Node's`
  }
  return undefined
}

function strangeField(ours: readonly string[], node: readonly string[]): string | undefined {
  let at = 0
  for (let i = 0; i < ours.length; i += 2) {
    // Of `te` only what may be sent on is kept.
    if (ours[i] === 'te') continue
    while (
      at < node.length &&
      ((node[at] as string).toLowerCase() !== ours[i] || node[at + 1] !== ours[i + 1])
    )
      at += 2
    if (at >= node.length) return `${ours[i]}: ${ours[i + 1]}`
    at += 2
  }
  return undefined
}

/** What is sent on must come out of Weft's own server codec and of Node's parser as it went in. */
function checkForwarded(request: AcceptedRequest, bytes: Buffer, differences: string[]): void {
  const name = `sent on, ${quote(`${request.method} ${request.target}`)}`
  const stream = Buffer.concat([bytes, Buffer.from(SENTINEL)])
  const views = [weftServerView(stream), weftServerView(stream, { bytewise: true })]
  for (const { accepted } of views) {
    const again = accepted[0]
    if (again === undefined) return void differences.push(`${name}: Weft refuses it`)
    if (decoded(again) !== decoded(request))
      return void differences.push(`${name}: Weft reads ${decoded(again)}`)
    if (request.method !== 'CONNECT' && accepted[1]?.target !== '/sentinel')
      return void differences.push(`${name}: Weft misses what follows`)
  }
  if (!METHODS.includes(request.method) || request.method === 'CONNECT') return
  const node = nodeRequestView(stream)
  if (node.error !== undefined) differences.push(`${name}: Node refuses it: ${node.error}`)
  const expected = [...views[0]!.accepted.slice(0, 1), { method: 'GET', target: '/sentinel', body: '' }]
  const difference = requestDifference(expected, node.messages, node.messages.length < 2)
  if (difference !== undefined) differences.push(`${name}: Node: ${difference}`)
}

/** Everything that must survive; the scheme is the connection's, and a request without body may now say so. */
function decoded({ head, body, trailers }: AcceptedRequest): string {
  const fields = [...head.fields]
  const at = fields.findIndex((text, i) => i % 2 === 0 && text === 'content-length')
  if (at >= 0 && Number(fields[at + 1]) === 0) fields.splice(at, 2)
  return JSON.stringify([head.method, head.path, head.authority, head.upgrade, fields, body, trailers])
}
