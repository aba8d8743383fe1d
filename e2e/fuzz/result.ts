/** One disagreement, with what makes it again. */
export interface Failure {
  /** `--seed` and `--messages 1` of the batch that holds it. */
  readonly seed: number
  readonly what: string
  /** Latin1. */
  readonly stream: string
}

export interface ProxyCount {
  connections: number
  /** Requests as received that it framed as Weft does. */
  agreed: number
  /** Streams with a request that it refuses and Weft takes. */
  stricter: number
  /** Requests as Weft sends them on, taken and framed alike. */
  forwarded: number
  /** Requests that it refuses by a rule of its own and that were not sent. */
  excused: number
}

/** Counts of one run. */
export class FuzzResult {
  /** HTTP messages generated, requests and responses. */
  messages = 0
  requestStreams = 0
  requestsAccepted = 0
  /** Streams in which Weft refused something. */
  requestStreamsRefused = 0
  responseStreams = 0
  responsesAccepted = 0
  /** Streams of accepted messages cut in two; each stream also came byte by byte. */
  cuts = 0
  /** Streams that Node's parser refuses in part and Weft does not. */
  nodeStricter = 0
  randomStreams = 0
  readonly proxies: Record<string, ProxyCount> = {}
  readonly failures: Failure[] = []
  failed = 0

  fail(failure: Failure): void {
    this.failed++
    if (this.failures.length < 20) this.failures.push(failure)
  }

  proxy(name: string): ProxyCount {
    return (this.proxies[name] ??= { connections: 0, agreed: 0, stricter: 0, forwarded: 0, excused: 0 })
  }
}
