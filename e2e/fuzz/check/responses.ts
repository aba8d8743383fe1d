import { quote } from '../view/framed.ts'
import { forwardedResponse } from '../view/forwarded.ts'
import { nodeResponseView } from '../view/node-parser.ts'
import { type ResponseView, weftClientView } from '../view/weft-client.ts'
import { cutPlaces } from './splits.ts'

export interface CheckedResponse {
  readonly accepted: boolean
  readonly nodeRefused: boolean
  readonly cuts: number
  readonly differences: readonly string[]
}

/** Every check of a server's stream, the answer to `method`; `seed` chooses where long streams are cut. */
export function checkResponseStream(stream: Buffer, method: string, seed: number): CheckedResponse {
  const differences: string[] = []
  const whole = weftClientView(stream, method)
  const bytewise = weftClientView(stream, method, { bytewise: true })
  if (describe(whole) !== describe(bytewise)) differences.push('byte by byte: another answer')
  const cuts = whole.ended ? cutPlaces(stream.length, seed) : []
  for (const cut of cuts) {
    if (describe(weftClientView(stream, method, { cuts: [cut] })) !== describe(whole))
      differences.push(`cut at ${cut}: another answer`)
  }
  let nodeRefused = false
  if (whole.ended) {
    const taken = bytewise.untilClose ? stream : stream.subarray(0, bytewise.to)
    nodeRefused = checkNode('as received', taken, method, bytewise, differences)
    checkForwarded(method, whole, differences)
  }
  return { accepted: whole.ended, nodeRefused, cuts: cuts.length, differences }
}

function describe(view: ResponseView): string {
  if (!view.ended) return 'reset'
  const { interims, head, body, trailers, untilClose } = view
  return JSON.stringify([interims, head, body, trailers, untilClose])
}

/** Compares with Node's parser; true where it refused. */
function checkNode(
  how: string,
  bytes: Buffer,
  method: string,
  view: ResponseView,
  differences: string[],
): boolean {
  const node = nodeResponseView(bytes, method, view.untilClose)
  const expected = [
    ...view.interims.map(({ status }) => ({ status, body: '' })),
    { status: view.head?.status, body: view.body },
  ]
  for (const [i, message] of node.messages.entries()) {
    const ours = expected[i]
    if (ours === undefined) differences.push(`Node, ${how}: one answer more, ${message.status}`)
    else if (ours.status !== message.status || ours.body !== message.body)
      differences.push(`Node, ${how}: ${quote(JSON.stringify(message))} for ${quote(JSON.stringify(ours))}`)
  }
  if (node.error !== undefined) return true
  if (node.messages.length < expected.length) differences.push(`Node, ${how}: waits for more`)
  return false
}

/** What is sent on must come out of Weft's own client codec and of Node's parser as it went in. */
function checkForwarded(method: string, view: ResponseView, differences: string[]): void {
  const bytes = forwardedResponse(method, view)
  const again = weftClientView(bytes, method, { bytewise: true })
  if (!again.ended) return void differences.push(`sent on: Weft refuses ${quote(bytes.toString('latin1'))}`)
  if (decoded(again) !== decoded(view))
    differences.push(`sent on: Weft reads ${decoded(again)} for ${decoded(view)}`)
  if (again.to !== bytes.length) differences.push('sent on: bytes follow the answer')
  if (checkNode('sent on', bytes, method, again, differences))
    differences.push(`sent on: Node refuses ${quote(bytes.toString('latin1'))}`)
}

/** Everything that must survive. Trailers have no place in a body of known length, and 204 has no length. */
function decoded({ interims, head, body, trailers }: ResponseView): string {
  const fields = [...(head?.fields ?? [])]
  const at = fields.findIndex((text, i) => i % 2 === 0 && text === 'content-length')
  if (at >= 0 && (Number(fields[at + 1]) === 0 || head?.status === 204)) fields.splice(at, 2)
  return JSON.stringify([interims.map(({ status }) => status), head?.status, fields, body, trailers])
}
