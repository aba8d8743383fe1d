// What an attacker does, bounded in count and time: `node attack.ts NAME TARGET [COUNT [MORE]]`. MORE is JSON. Prints
// one JSON object.
import { clientHellos, hold } from './connections.ts'
import { certified, subscriptions, withoutToken as adsWithoutToken, type OwnKey } from './discovery.ts'
import { floods } from './floods.ts'
import { admissions, hosts, patterns, reach } from './http.ts'
import { asNeighbour, inBlankLines, opaque, refusal } from './identity.ts'
import { targetOf } from './sockets.ts'
import { compressed, figures, series, spans, unsigned, withoutToken } from './telemetry.ts'

const [name = '', to = '', text = '1', json = '{}'] = process.argv.slice(2)
const target = targetOf(to)
const count = Number(text)
const more = JSON.parse(json) as {
  readonly holdMs: number
  readonly tls: boolean
  readonly path: string
  readonly pods: readonly object[]
  readonly spans: readonly { traceId: string; spanId: string }[]
  readonly controlPlane: string
  readonly own: OwnKey
  readonly rule: string
  readonly cluster: string
}

const TIME_MS = 30_000
setTimeout(() => {
  console.log(JSON.stringify({ cut: true }))
  process.exit(0)
}, TIME_MS)

const ATTACKS: Readonly<Record<string, () => Promise<unknown>>> = {
  identity: () => asNeighbour(target),
  'blank-lines': () => inBlankLines(target),
  certified: () => certified(target, targetOf(more.controlPlane), more.own),
  opaque: () => opaque(target),
  refusal: () => refusal(target),
  hold: () => hold(target, count, more.holdMs, more.tls),
  reach: () => reach(target, more.path, count, more.tls),
  'client-hellos': () => clientHellos(target, count),
  patterns: () => patterns(target, count),
  hosts: () => hosts(target),
  admissions: () => admissions(target, more.pods),
  otlp: () => withoutToken(target, count),
  'ads-without-token': () => adsWithoutToken(target, count),
  unsigned: () => unsigned(target, count),
  series: () => series(target, count),
  figures: () => figures(target, more.rule, more.cluster),
  spans: () => spans(target, count, more.spans),
  floods: () => floods(target, count),
  compressed: () => compressed(target, count),
  subscriptions: () => subscriptions(target, count),
}

console.log(JSON.stringify((await ATTACKS[name]?.()) ?? { unknown: name }))
process.exit(0)
