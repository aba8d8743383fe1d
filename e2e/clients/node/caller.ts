import { createInterface } from 'node:readline'
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { register, XdsChannelCredentials } from '@grpc/grpc-js-xds'
import type { Calls, Outcome } from '../client.ts'

// A gRPC client without a sidecar: grpc-js with its own xDS, which reads GRPC_XDS_BOOTSTRAP_CONFIG when loaded. A line of
// input says which calls to make, a line of output what came back.

register()

const identity = (bytes: Buffer): Buffer => bytes
const clients = new Map<string, Client>()

function clientOf({ target, mtls }: Calls): Client {
  const key = `${target} ${mtls}`
  const insecure = credentials.createInsecure()
  const client = clients.get(key) ?? new Client(target, mtls ? new XdsChannelCredentials(insecure) : insecure)
  clients.set(key, client)
  return client
}

function call({ method, deadlineMs }: Calls, client: Client, metadata: Metadata) {
  return new Promise<{ readonly answer: string; readonly message: string }>((resolve) =>
    client.makeUnaryRequest(
      method,
      identity,
      identity,
      Buffer.alloc(0),
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error: ServiceError | null, answer?: Buffer) =>
        resolve(
          error
            ? { answer: status[error.code] ?? 'unknown', message: error.details }
            : { answer: String(answer), message: '' },
        ),
    ),
  )
}

for await (const line of createInterface({ input: process.stdin })) {
  const calls = JSON.parse(line) as Calls
  const client = clientOf(calls)
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(calls.metadata)) metadata.set(name, value)
  const answers: Record<string, number> = {}
  let message = ''
  let left = calls.count
  const callOnAndOn = async (): Promise<void> => {
    while (left-- > 0) {
      const made = await call(calls, client, metadata)
      answers[made.answer] = (answers[made.answer] ?? 0) + 1
      message ||= made.message
    }
  }
  await Promise.all(Array.from({ length: calls.atOnce }, callOnAndOn))
  process.stdout.write(`${JSON.stringify({ answers, message } satisfies Outcome)}\n`)
}
process.exit(0)
