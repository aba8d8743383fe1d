import { Server, ServerCredentials, status, type sendUnaryData } from '@grpc/grpc-js'
import type { Teardown } from '../pair/testing/pair.ts'

const identity = (bytes: Buffer): Buffer => bytes
const method = (name: string) => ({
  path: `/greeter.Greeter/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
})

/**
 * A gRPC server on loopback that answers SayHello and Other with its own name. `Never` gives no answer, `EveryThird`
 * fails with UNAVAILABLE two times of three. Gives its port.
 */
export async function greeter(t: Teardown, name: string): Promise<number> {
  const server = new Server()
  let asked = 0
  const answer = (_call: unknown, callback: sendUnaryData<Buffer>) => callback(null, Buffer.from(name))
  server.addService(
    {
      sayHello: method('SayHello'),
      other: method('Other'),
      never: method('Never'),
      everyThird: method('EveryThird'),
    },
    {
      sayHello: answer,
      other: answer,
      never() {},
      everyThird(call: unknown, callback: sendUnaryData<Buffer>) {
        if (++asked % 3 === 0) answer(call, callback)
        else callback({ code: status.UNAVAILABLE, details: 'not this time' })
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    ),
  )
  t.teardown(() => server.forceShutdown())
  return port
}
