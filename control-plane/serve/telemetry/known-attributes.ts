import { hash } from 'node:crypto'
import { Reader } from '../../../core/xds/wire.ts'
import { KeyValue } from '../../../core/xds/generated/otlp.js'
import { METRIC_ATTRIBUTES, readAttributes, ruleOf, textOf, type Attributes } from './attributes.ts'
import { outcomeOf } from './request-outcome.ts'
import type { TrafficKind, Transport } from './traffic.ts'

export type Direction = 'server' | 'client'

/** What the attributes of a point say, as far as it is counted. */
export interface Told extends TrafficKind {
  /** The same for all points whose known attributes are the same, and direction: 32 characters of one byte each. */
  readonly key: string
  readonly denied: boolean
  /** Identity of who called, or ''. */
  readonly source: string
  readonly route: string
  readonly cluster: string
  /** Service, `catalog.shop`, or ''. */
  readonly destination: string
}

/** Of what is remembered, estimated: digests, keys and texts. */
const MOST_BYTES = 16 * 1024 * 1024

/**
 * Reads attributes of points once: a sidecar tells the same again and again, and so do all pods of a Service. What is
 * remembered is bounded, and nothing but time is lost with it.
 */
export class KnownAttributes {
  // Of each direction, by the digest of the bytes: nobody finds others that have it.
  readonly #known = { server: new Map<string, Told>(), client: new Map<string, Told>() }
  readonly #mostBytes: number
  #bytes = 0

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes
  }

  /** Estimated. */
  get bytes(): number {
    return this.#bytes
  }

  /** `attributes`: KeyValue messages with their tags. Throws WeftError `protobuf.malformed`. */
  read(direction: Direction, attributes: Uint8Array): Told {
    const known = this.#known[direction]
    const digest = hash('sha256', attributes, 'latin1')
    const before = known.get(digest)
    if (before) return before
    const told = toldBy(direction, readAttributes(keyValues(attributes), METRIC_ATTRIBUTES))
    this.#bytes += sizeOf(told)
    if (this.#bytes > this.#mostBytes) {
      for (const all of Object.values(this.#known)) all.clear()
      this.#bytes = sizeOf(told)
    }
    known.set(digest, told)
    return told
  }
}

function* each(attributes: Uint8Array): Generator<KeyValue> {
  const reader = new Reader(attributes)
  while (!reader.done) {
    reader.uint32()
    yield KeyValue.decode(reader.view())
  }
}

const keyValues = (attributes: Uint8Array): KeyValue[] => [...each(attributes)]

function toldBy(direction: Direction, attributes: Attributes): Told {
  return {
    key: hash('sha256', JSON.stringify([direction, ...Object.entries(attributes)]), 'latin1'),
    outcome: outcomeOf(attributes),
    transport: transportOf(attributes, direction),
    denied: textOf(attributes, 'weft.response_flags').split(',').includes('UAEX'),
    source: textOf(attributes, 'weft.source_identity'),
    route: ruleOf(attributes),
    cluster: textOf(attributes, 'weft.backend') || textOf(attributes, 'weft.cluster'),
    destination: textOf(attributes, 'weft.destination_service'),
  }
}

/** What one takes in memory, with its place in the map. */
function sizeOf({ source, route, cluster, destination }: Told): number {
  return 400 + 2 * (source.length + route.length + cluster.length + destination.length)
}

/**
 * What a caller failed to send, as nobody could be reached or checked, went over no connection; and one set of a sidecar stands
 * for all requests that fit no other, however they came.
 */
function transportOf(attributes: Attributes, direction: Direction): Transport {
  const mtls = attributes['weft.mtls']
  if (mtls === true) return 'mutualTls'
  const sent = direction === 'server' || textOf(attributes, 'weft.response_flags') === '-'
  return mtls === false && sent ? 'plaintext' : 'unknown'
}
