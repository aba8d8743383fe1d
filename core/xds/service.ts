import type { MethodDefinition } from '@grpc/grpc-js'
import type { MessageType } from './codec.ts'

/** A method of a service as grpc-js wants it. Bytes that are no such message end the call as a gRPC error. */
export function method<Request, Response>(
  path: string,
  request: MessageType<Request>,
  response: MessageType<Response>,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<Request, Response> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: (value) => asBuffer(request.encode(value)),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (value) => asBuffer(response.encode(value)),
    responseDeserialize: (bytes) => response.decode(bytes),
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
