import type { LoadKind } from './load/protocol.ts'
import type { Topology } from './peers/peer.ts'
import { APPLYING, POLICIES } from './policies/objects.ts'
import { SIDECAR } from './sidecar/measure.ts'

export interface Case {
  readonly name: string
  readonly title: string
  readonly topology: Topology
  readonly load: LoadKind
  /** Which of the origin's ports. */
  readonly origin: 'http1' | 'grpc' | 'echo'
  /** Bytes of each answer, or of each message and its echo. */
  readonly size: number
  readonly connections: readonly number[]
  /** Weft's CPU divided by the peer's, at most; by number of connections. */
  readonly targets: Readonly<Record<number, Readonly<Record<string, number>>>>
}

const MIB = 1024 * 1024
const EVERY = [1, 8, 64, 512]

/** What is measured by loading. `idle` is a case of its own: see `idle.ts`. */
export const CASES: readonly Case[] = [
  {
    name: 'plain',
    title: 'HTTP/1.1 through one proxy, 1 KiB answers',
    topology: 'plain',
    load: 'http1',
    origin: 'http1',
    size: 1024,
    connections: EVERY,
    targets: {},
  },
  {
    name: 'mtls-pair',
    title: 'HTTP/1.1 through a pair with mutual TLS between, 1 KiB answers',
    topology: 'http-pair',
    load: 'http1',
    origin: 'http1',
    size: 1024,
    connections: EVERY,
    targets: {
      1: { nginx: 1.3, envoy: 1 },
      8: { nginx: 1, envoy: 0.7 },
      64: { nginx: 0.8, envoy: 0.5 },
    },
  },
  {
    name: 'grpc-pair',
    title: 'unary gRPC through a pair, 1 KiB answers; connections are streams, 64 a connection',
    topology: 'grpc-pair',
    load: 'grpc',
    origin: 'grpc',
    size: 1024,
    connections: EVERY,
    targets: { 64: { envoy: 0.6 } },
  },
  {
    name: 'body-64k',
    title: 'the mTLS pair with answers of 64 KiB',
    topology: 'http-pair',
    load: 'http1',
    origin: 'http1',
    size: 64 * 1024,
    connections: [8, 64],
    targets: {},
  },
  {
    name: 'body-100m',
    title: 'the mTLS pair with answers of 100 MiB',
    topology: 'http-pair',
    load: 'http1',
    origin: 'http1',
    size: 100 * MIB,
    connections: [1],
    targets: { 1: { nginx: 1.5, envoy: 1 } },
  },
  {
    name: 'tcp-pair',
    title: 'opaque TCP through a pair with mutual TLS between, 1 KiB there and back',
    topology: 'tcp-pair',
    load: 'tcp',
    origin: 'echo',
    size: 1024,
    connections: EVERY,
    targets: {},
  },
  {
    name: 'tcp-64k',
    title: 'the same with 64 KiB there and back: what a byte costs',
    topology: 'tcp-pair',
    load: 'tcp',
    origin: 'echo',
    size: 64 * 1024,
    connections: [8],
    targets: { 8: { nginx: 1.5, envoy: 1 } },
  },
  {
    name: 'connect',
    title: 'a new connection for each 64 bytes through the opaque pair: a full mutual handshake each time',
    topology: 'tcp-pair',
    load: 'connect',
    origin: 'echo',
    size: 64,
    connections: [8],
    targets: {},
  },
]

export const IDLE = 'idle'
/** What is measured with and without something. */
const PAIR = {
  topology: 'http-pair',
  load: 'http1',
  origin: 'http1',
  size: 1024,
  connections: [64],
  targets: {},
} as const
/** Weft alone, without and with them: see `policies/measure.ts`. */
export const WITH_POLICIES: Case = {
  name: 'policies',
  title: `the mTLS pair without and with ${POLICIES} AuthorizationPolicies, ${APPLYING} of them of the server's pod`,
  ...PAIR,
}
/** Weft alone, without any telemetry, as it is shipped, and with every request traced or logged: see `told/measure.ts`. */
export const WITH_TELEMETRY: Case = {
  name: 'telemetry',
  title: 'the mTLS pair without telemetry, with it as shipped, and with every request traced, or logged',
  ...PAIR,
}
/** An application whose traces are stitched (`now`) beside the same without (`before`); no proxy is in it. */
export const STITCH: Case = {
  name: 'stitch',
  title: 'a Node.js application that asks another for each request, with and without stitched traces',
  topology: 'plain',
  load: 'traced',
  origin: 'http1',
  size: 1024,
  connections: [8],
  targets: {},
}

export const CASE_NAMES: readonly string[] = [
  ...CASES.map(({ name }) => name),
  WITH_POLICIES.name,
  WITH_TELEMETRY.name,
  IDLE,
  SIDECAR,
]
