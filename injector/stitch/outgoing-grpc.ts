import { carried, missing } from './context.ts'
import { replace } from './replace.ts'

interface Metadata {
  get(name: string): readonly unknown[]
  set(name: string, value: string): void
  clone(): Metadata
}
interface Call {
  start(metadata: Metadata, listener: unknown): unknown
}
type CreateCall = (...args: unknown[]) => Call

/**
 * Given the channel of @grpc/grpc-js as it is loaded. A call starts on the turn of whoever asks for it, and is written on any
 * other: when its channel is connected. False: it is not there yet.
 */
export function watchChannels(loaded: unknown): boolean {
  const { ChannelImplementation: channel } = (loaded ?? {}) as { ChannelImplementation?: unknown }
  if (typeof channel !== 'function') return false
  replace(
    channel.prototype as object,
    'createCall',
    (createCall: CreateCall): CreateCall =>
      function (this: unknown, ...args) {
        const call = createCall.apply(this, args)
        const context = carried()
        if (context)
          replace(
            call,
            'start',
            (start: Call['start']): Call['start'] =>
              function (this: Call, metadata, listener) {
                // The caller may use its metadata for other calls.
                const own = metadata.clone()
                for (const [name, value] of missing(context, (field) => own.get(field).length > 0))
                  own.set(name, value)
                return start.call(this, own, listener)
              },
          )
        return call
      },
  )
  return true
}
