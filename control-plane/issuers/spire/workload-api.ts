import { Client, credentials, Metadata, type ClientReadableStream } from '@grpc/grpc-js'
import { Backoff } from '../../../core/backoff.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { describeError, WeftError } from '../../../core/errors.ts'
import { decodeSvids, type X509Svid } from './messages.ts'

export interface WorkloadApiOptions {
  /** Of the agent's socket on this node. */
  readonly socket: string
  /** The first SVID of an answer, which is the workload's default; told again whenever it or its bundle changes. */
  readonly onSvid: (svid: X509Svid) => void
  /** WeftError `issuer.unavailable` that says what to do. The stream is opened again by itself. */
  readonly onError: (error: WeftError) => void
  readonly clock?: Clock
}

/** The SPIFFE Workload API standard, sections 4 and 5: the header keeps requests out that a browser was made to send. */
const METHOD = '/SpiffeWorkloadAPI/FetchX509SVID'
const LARGEST_ANSWER = 1024 * 1024
const RETRY = { baseMs: 500, maxMs: 30_000 }

/** Follows the X509-SVID that SPIRE's agent gives this process. What is returned ends that. */
export function followSvid({ socket, onSvid, onError, clock = systemClock }: WorkloadApiOptions): () => void {
  const backoff = new Backoff(RETRY)
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': LARGEST_ANSWER,
  })
  let cancel = () => {}
  let stream: ClientReadableStream<X509Svid | undefined> | undefined
  let closed = false

  const open = (): void => {
    const metadata = new Metadata()
    metadata.set('workload.spiffe.io', 'true')
    let told: string | undefined
    stream = client.makeServerStreamRequest(
      METHOD,
      () => Buffer.alloc(0),
      (bytes: Buffer) => decodeSvids(bytes).svids[0],
      undefined,
      metadata,
    )
    stream.on('data', (svid: X509Svid | undefined) => {
      if (svid) {
        backoff.reset()
        onSvid(svid)
      } else told = 'the agent answers without an SVID'
    })
    stream.on('error', (error) => (told = describeError(error)))
    stream.on('close', () => {
      if (closed) return
      const remedy =
        'see whether the agent runs, whether its socket is mounted, and whether an entry of its server selects the control plane'
      onError(
        new WeftError(
          'issuer.unavailable',
          `SPIRE's agent gives no SVID: ${told ?? 'it ended the stream'}: ${remedy}`,
          {
            field: '--spire-agent-socket',
          },
        ),
      )
      cancel = clock.after(backoff.next(), open)
    })
  }
  open()
  return () => {
    closed = true
    cancel()
    stream?.cancel()
    client.close()
  }
}
