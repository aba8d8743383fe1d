import { CLIENT_CERTIFICATE_HEADER, SPELLING_HEADER } from '../../core/contract.ts'
import { consistsOf, TOKEN_LOWER } from './characters.ts'

/**
 * Field names are found by a hash over their wire bytes, so that a known name costs no string: the table
 * answers with the one lower-case string, with how it was written, and with what the name means to the codec. A name
 * has a slot for each way in which it is written.
 */

export const PLAIN = 0
export const HOST = 1
export const CONTENT_LENGTH = 2
export const TRANSFER_ENCODING = 3
export const CONNECTION = 4
export const UPGRADE = 5
export const TE = 6
export const KEEP_ALIVE = 7
export const EXPECT = 8
/** Means something to one connection only. */
export const HOP = 9
/** Not a token, or not in lower case. */
export const INVALID = 10

const SPECIAL: Record<string, number> = {
  host: HOST,
  'content-length': CONTENT_LENGTH,
  'transfer-encoding': TRANSFER_ENCODING,
  connection: CONNECTION,
  upgrade: UPGRADE,
  te: TE,
  'keep-alive': KEEP_ALIVE,
  expect: EXPECT,
  'proxy-connection': HOP,
  'http2-settings': HOP,
  [SPELLING_HEADER]: HOP,
}

const COMMON =
  'accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials ' +
  'access-control-allow-headers access-control-allow-methods access-control-allow-origin ' +
  'access-control-expose-headers access-control-max-age access-control-request-headers ' +
  'access-control-request-method age allow alt-svc authorization b3 baggage cache-control ' +
  'content-disposition content-encoding content-language content-location content-range ' +
  'content-security-policy content-type cookie date dnt etag expires forwarded from grpc-accept-encoding ' +
  'grpc-encoding grpc-message grpc-status grpc-timeout if-match if-modified-since if-none-match if-range ' +
  'if-unmodified-since last-modified link location max-forwards origin pragma priority proxy-authenticate ' +
  'proxy-authorization range referer referrer-policy retry-after sec-ch-ua sec-ch-ua-mobile ' +
  'sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-websocket-accept ' +
  'sec-websocket-extensions sec-websocket-key sec-websocket-protocol sec-websocket-version server ' +
  'server-timing set-cookie strict-transport-security trace-id traceparent tracestate trailer ' +
  'upgrade-insecure-requests user-agent vary via warning www-authenticate x-api-key x-b3-parentspanid ' +
  'x-b3-sampled x-b3-spanid x-b3-traceid x-content-type-options x-correlation-id ' +
  `x-envoy-attempt-count ${CLIENT_CERTIFICATE_HEADER} x-forwarded-for x-forwarded-host x-forwarded-port ` +
  'x-forwarded-proto x-frame-options x-powered-by x-real-ip x-request-id x-requested-with x-xss-protection'

const SLOTS = 2048
const LONGEST_PROBE = 8
// Names that peers taught us on top; beyond that a new name costs a string each time.
const MAX_LEARNT = 512

const hashes = new Int32Array(SLOTS)
const lengths = new Uint8Array(SLOTS)
const kinds = new Uint8Array(SLOTS)
const starts = new Int32Array(SLOTS)
/** 1: the name is not written in lower case. */
const cased = new Uint8Array(SLOTS)
const names: string[] = Array.from({ length: SLOTS }, () => '')
const spellings: string[] = Array.from({ length: SLOTS }, () => '')
const bytes = new Uint8Array(32 * 1024)
let bytesUsed = 0
let learnt = 0
const kindByName = new Map<string, number>()

export const HASH_START = 0x811c9dc5 | 0

/** One step of the hash; `byte` is one of the name as it is written. */
export function hashStep(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193)
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}

/** Returns the slot of what is written so, or -1 where there is no room. */
function add(written: string, kind: number): number {
  const name = written.toLowerCase()
  if (!kindByName.has(name)) kindByName.set(name, kind)
  let hash = HASH_START
  for (let i = 0; i < written.length; i++) hash = hashStep(hash, written.charCodeAt(i))
  for (let probe = 0, slot = slotOf(hash); probe < LONGEST_PROBE; probe++, slot = (slot + 1) & (SLOTS - 1)) {
    if (lengths[slot] !== 0) {
      if (spellings[slot] === written) return slot
      continue
    }
    if (bytesUsed + written.length > bytes.length) return -1
    hashes[slot] = hash
    lengths[slot] = written.length
    kinds[slot] = kind
    cased[slot] = written === name ? 0 : 1
    starts[slot] = bytesUsed
    names[slot] = name
    spellings[slot] = written
    for (let i = 0; i < written.length; i++) bytes[bytesUsed++] = written.charCodeAt(i)
    return slot
  }
  return -1
}

/** As most programs write names that they do not write in lower case. */
function trainCase(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())
}

for (const [name, kind] of Object.entries(SPECIAL)) add(name, kind)
for (const name of COMMON.split(' ')) add(name, PLAIN)
for (const [name, kind] of [...kindByName]) add(trainCase(name), kind)

/** Slot of the name at `from` with its hash, or -1. The bytes were checked to be token characters. */
export function findName(source: Uint8Array, from: number, length: number, hash: number): number {
  for (let probe = 0, slot = slotOf(hash); probe < LONGEST_PROBE; probe++, slot = (slot + 1) & (SLOTS - 1)) {
    const known = lengths[slot] as number
    if (known === 0) return -1
    if (known !== length || hashes[slot] !== hash) continue
    const start = starts[slot] as number
    let i = 0
    while (i < length && source[from + i] === bytes[start + i]) i++
    if (i === length) return slot
  }
  return -1
}

/** In lower case. */
export function nameInSlot(slot: number): string {
  return names[slot] as string
}

/** As it is written. */
export function spellingInSlot(slot: number): string {
  return spellings[slot] as string
}

/** 1: it is not written in lower case; 0: it is. */
export function casedInSlot(slot: number): number {
  return cased[slot] as number
}

export function kindInSlot(slot: number): number {
  return kinds[slot] as number
}

/** Remembers a name that `findName` did not know, as it is `written`, a token: its slot, or -1 where there is no room. */
export function learnName(written: string): number {
  if (learnt >= MAX_LEARNT || written.length > 64) return -1
  learnt++
  // A string of its own: a slice of the head would keep all of it alive.
  return add(Buffer.from(written, 'latin1').toString('latin1'), kindOfName(written.toLowerCase()))
}

/** What a name means when it is sent; `INVALID` where it is no token in lower case. */
export function kindOfName(name: string): number {
  const kind = kindByName.get(name)
  if (kind !== undefined) return kind
  return consistsOf(name, TOKEN_LOWER) && name === name.toLowerCase() ? PLAIN : INVALID
}
