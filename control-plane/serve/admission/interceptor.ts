import { ServerInterceptingCall, status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../../core/clock.ts'
import type { Caller } from '../tokens/claims.ts'
import { GrpcError } from '../tokens/grpc-error.ts'
import { admit } from './admitted.ts'
import { callerKey, type Allowances } from './allowance.ts'
import type { Connections } from './connections.ts'
import { ACCEPT_ENCODING, IDENTITY } from './encoding.ts'
import type { NewCalls } from './new-calls.ts'
import type { RefusalLog } from './refusal-log.ts'

/** What of a method's requests has to be known before they are read. */
export interface MethodReading {
  /** Bytes of the longest message; streams.ts holds it to that. */
  readonly longest: number
  /** A message of these bytes. Throws for bytes that are none. */
  readonly decode: (bytes: Uint8Array) => unknown
  /** What a message counts for beyond its bytes, in bytes: what it is to work it out. */
  readonly weigh: (message: unknown) => number
  readonly stream: boolean
  /** What is refused, for the log. */
  readonly title: string
}

export interface AdmissionOptions {
  /** Who calls, by the call's metadata alone. Throws GrpcError for one who may not; undefined: nobody is asked. */
  readonly authenticate: (metadata: Metadata, from: string) => Promise<Caller | undefined>
  readonly connections: Connections
  readonly allowances: Allowances
  /** By the path of the method. */
  readonly methods: ReadonlyMap<string, MethodReading>
  /** Told of each call how it is refused. */
  readonly calls: NewCalls
  readonly refusals: RefusalLog
  readonly clock?: Clock
}

/** A unary request is there within this, or its call is over. Milliseconds. */
const REQUEST_MS = 10_000
/** Who would have to wait longer for what it sent before is told so. Milliseconds. */
const LONGEST_WAIT_MS = 4000
/** What a message costs beyond its bytes: an answer, and for a unary call a check of its token. */
const COST_STREAM = 1024
const COST_UNARY = 8192

/**
 * Lets a call in by its metadata. Nothing of its messages is read before (they wait in the caller, past the first
 * window of the stream), and nothing decoded that is longer than the method's messages or than its caller may send now.
 */
export function admission(options: AdmissionOptions): ServerInterceptor {
  const { authenticate, connections, allowances, methods, calls, refusals, clock = systemClock } = options
  return (method, call) => {
    const reading = methods.get(method.path)
    const { remoteAddress, remotePort } = call.getConnectionInfo()
    const connection = connections.of(remoteAddress, remotePort)
    let over = false
    let key: string | undefined
    let cancelWait: (() => void) | undefined
    let cancelLate: (() => void) | undefined
    const stopWaiting = (): void => {
      cancelWait?.()
      cancelLate?.()
    }

    const refuse = (refusal: GrpcError): void => {
      if (over) return
      over = true
      stopWaiting()
      refusals.tell(`${reading?.title ?? 'call'} refused`, {
        peer: call.getPeer(),
        status: status[refusal.code],
        reason: refusal.details,
      })
      if (connection) connections.refused(connection)
      call.sendStatus({ code: refusal.code, details: printable(refusal.details), metadata: refusal.metadata })
    }
    calls.made(refuse)
    const leave = (): void => {
      over = true
      stopWaiting()
      if (key !== undefined) allowances.leave(key)
      key = undefined
    }
    const enter = (caller: Caller | undefined): void => {
      const own = caller && callerKey(caller)
      if (own !== undefined && !allowances.enter(own)) {
        throw new GrpcError(status.RESOURCE_EXHAUSTED, 'the caller has too many calls open: end some')
      }
      key = own
      if (connection) connections.admitted(connection, own ?? 'anybody')
    }
    /** The message behind its prefix, once its caller may send as much. */
    const read = (bytes: Uint8Array, next: (message: unknown) => void): void => {
      if (!reading) return refuse(new GrpcError(status.UNIMPLEMENTED, 'the method is not served'))
      const decode = (): void => {
        if (over) return
        let message: unknown
        try {
          message = reading.decode(bytes)
        } catch (error) {
          // "Error parsing request proto" (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
          return refuse(GrpcError.from(status.INTERNAL, error))
        }
        // Whoever sends the next one waits for it.
        if (key !== undefined) allowances.spend(key, reading.weigh(message))
        next(message)
      }
      const cost = bytes.length + (reading.stream ? COST_STREAM : COST_UNARY)
      const wait = key === undefined ? 0 : allowances.spend(key, cost)
      if (wait === 0) return decode()
      if (wait > LONGEST_WAIT_MS && !reading.stream)
        return refuse(new GrpcError(status.RESOURCE_EXHAUSTED, 'the caller sends too much: send less'))
      cancelWait = clock.after(wait, decode)
    }

    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, onward) {
            authenticate(metadata, remoteAddress ?? '').then(
              (caller) => {
                if (over) return
                try {
                  enter(caller)
                } catch (error) {
                  return refuse(asRefusal(error))
                }
                admit(metadata, caller)
                if (reading && !reading.stream) {
                  const late = new GrpcError(status.DEADLINE_EXCEEDED, 'the request did not come in time')
                  cancelLate = clock.after(REQUEST_MS, () => refuse(late))
                }
                onward(metadata)
              },
              (error: unknown) => refuse(asRefusal(error)),
            )
          },
          onReceiveMessage: (message: Uint8Array, onward) => read(message, onward),
          onReceiveHalfClose(onward) {
            cancelLate?.()
            onward()
          },
          onCancel: leave,
        }),
      sendMetadata(metadata, next) {
        // grpc-js says gzip and deflate, too.
        metadata.set(ACCEPT_ENCODING, IDENTITY)
        next(metadata)
      },
    })
  }
}

function asRefusal(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error
  return new GrpcError(status.INTERNAL, 'the caller could not be checked', error)
}

/** A status goes out as a header: encodeURI throws at halves of characters. */
function printable(details: string): string {
  return details.slice(0, 1000).toWellFormed()
}
